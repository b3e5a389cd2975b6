; Added for CUDA files that hold `<<<`.

(call_expression function: (_) @name (kernel_call_syntax)) @mention.launch
; a kernel kept in a variable before it is launched
(init_declarator declarator: (identifier) @target value: [(template_function) (qualified_identifier)] @name) @mention.alias
(init_declarator declarator: (identifier) @target value: (pointer_expression argument: (_) @name)) @mention.alias
(assignment_expression left: (identifier) @target right: (template_function) @name) @mention.alias
