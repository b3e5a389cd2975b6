; Added for files that hold `TORCH_LIBRARY`.

; m.def("schema") or m.def("schema", function): an operator
((call_expression
   function: (field_expression field: (field_identifier) @callee)
   arguments: (argument_list . (_) @name)) @symbol.operator
 (#eq? @callee "def"))
; m.impl("name", function) and m.def("name", function): a kernel for it
((call_expression
   function: (field_expression field: (field_identifier) @callee)
   arguments: (argument_list . (_) @name . (_) @target)) @mention.impl
 (#any-of? @callee "impl" "def"))
; a lambda that is registered stands under the name that it is registered for
((call_expression
   function: (field_expression field: (field_identifier) @callee)
   arguments: (argument_list . (_) @name (lambda_expression) @symbol.function))
 (#any-of? @callee "impl" "def"))
