; Added for files that hold `cudaLaunchKernel`.

; cudaLaunchKernel(reinterpret_cast<void*>(&kernel), …)
((call_expression function: (_) @callee arguments: (argument_list . (_) @name)) @mention.launch
 (#match? @callee "^cudaLaunch(Cooperative)?Kernel(ExC)?$"))
