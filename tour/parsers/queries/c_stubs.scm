; Added for files that hold `_DISPATCH(`.

; A stub is declared in a header, defined once, and given a kernel for each device
((call_expression function: (identifier) @callee arguments: (argument_list . (_) @name .)) @symbol.variable
 (#eq? @callee "DEFINE_DISPATCH"))
((call_expression function: (identifier) @callee arguments: (argument_list (_) (_) @name .)) @symbol.variable.declaration
 (#eq? @callee "DECLARE_DISPATCH"))
((call_expression function: (identifier) @callee arguments: (argument_list . (_) @name . (_) @target .)) @mention.register
 (#match? @callee "^(ALSO_)?REGISTER_[A-Z0-9_]*DISPATCH$"))
((call_expression function: (identifier) @callee arguments: (argument_list . (_) @name . (_) . (_) @target .)) @mention.register
 (#eq? @callee "REGISTER_ARCH_DISPATCH"))
; without a semicolon the grammar takes the macro for a declaration's type or a function's name
((function_declarator declarator: (identifier) @callee
   parameters: (parameter_list . (parameter_declaration type: (_) @name) . (_) @target .)) @mention.register
 (#match? @callee "^(ALSO_)?REGISTER_[A-Z0-9_]*DISPATCH$"))
((function_declarator declarator: (identifier) @callee
   parameters: (parameter_list (_) (parameter_declaration type: (_) @name) .)) @symbol.variable.declaration
 (#eq? @callee "DECLARE_DISPATCH"))
((function_declarator declarator: (identifier) @callee
   parameters: (parameter_list . (parameter_declaration type: (_) @name) .)) @symbol.variable
 (#eq? @callee "DEFINE_DISPATCH"))
