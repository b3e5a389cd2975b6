; Added for files that hold `xtension(`.

; setuptools declares an extension module here, and lists the files that define it; `extension` is what a `setup.py`
; calls the one of `CppExtension` and `CUDAExtension` that it has chosen
((call
   function: [(identifier) (attribute)] @callee
   arguments: (argument_list . (string (string_content) @name))) @symbol.module
 (#match? @callee "(^|\\.)((Cpp|CUDA|Sycl)?Extension|extension)$"))
((call
   function: [(identifier) (attribute)] @callee
   arguments: (argument_list
     (keyword_argument name: (identifier) @keyword value: (string (string_content) @name)))) @symbol.module
 (#match? @callee "(^|\\.)((Cpp|CUDA|Sycl)?Extension|extension)$")
 (#eq? @keyword "name"))

; the files, by the name of the variable that lists them, or one by one
((call
   function: [(identifier) (attribute)] @callee
   arguments: (argument_list
     . (string (string_content) @target)
     (keyword_argument name: (identifier) @keyword value: (identifier) @name))) @mention.source
 (#match? @callee "(^|\\.)((Cpp|CUDA|Sycl)?Extension|extension)$")
 (#eq? @keyword "sources"))
((call
   function: [(identifier) (attribute)] @callee
   arguments: (argument_list
     . (string (string_content) @target)
     (keyword_argument
       name: (identifier) @keyword
       value: (list [
         (string (string_content) @name) (call arguments: (argument_list (string (string_content) @name) .))]))))
 @mention.source
 (#match? @callee "(^|\\.)((Cpp|CUDA|Sycl)?Extension|extension)$")
 (#eq? @keyword "sources"))
((call
   function: [(identifier) (attribute)] @callee
   arguments: (argument_list . (string (string_content) @target) . (identifier) @name)) @mention.source
 (#match? @callee "(^|\\.)((Cpp|CUDA|Sycl)?Extension|extension)$"))
((call
   function: [(identifier) (attribute)] @callee
   arguments: (argument_list
     . (string (string_content) @target)
     . (list [(string (string_content) @name) (call arguments: (argument_list (string (string_content) @name) .))])))
 @mention.source
 (#match? @callee "(^|\\.)((Cpp|CUDA|Sycl)?Extension|extension)$"))
((call
   function: [(identifier) (attribute)] @callee
   arguments: (argument_list
     (keyword_argument name: (identifier) @named value: (string (string_content) @target))
     (keyword_argument
       name: (identifier) @keyword
       value: (list [
         (string (string_content) @name) (call arguments: (argument_list (string (string_content) @name) .))]))))
 @mention.source
 (#match? @callee "(^|\\.)((Cpp|CUDA|Sycl)?Extension|extension)$")
 (#eq? @named "name")
 (#eq? @keyword "sources"))
((call
   function: [(identifier) (attribute)] @callee
   arguments: (argument_list
     (keyword_argument name: (identifier) @named value: (string (string_content) @target))
     (keyword_argument name: (identifier) @keyword value: (identifier) @name))) @mention.source
 (#match? @callee "(^|\\.)((Cpp|CUDA|Sycl)?Extension|extension)$")
 (#eq? @named "name")
 (#eq? @keyword "sources"))
((assignment left: (identifier) @target right: (list (string (string_content) @name))) @mention.source
 (#match? @target "sources$"))
((assignment
   left: (identifier) @target
   right: (list (call arguments: (argument_list (string (string_content) @name) .)))) @mention.source
 (#match? @target "sources$"))
