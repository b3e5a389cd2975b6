; Added for files that use pybind11.

; .def("name", function), .def_static, .def_property(_readonly), .def_readwrite …; .value("name", E::A) of an enum
((call_expression
   function: (field_expression field: (field_identifier) @callee)
   arguments: (argument_list . (_) @name . (_) @target)) @mention.entry
 (#match? @callee "^(def|def_static|def_property|def_property_readonly|def_property_readonly_static|def_property_static|def_readonly|def_readonly_static|def_readwrite|def_readwrite_static|value)$"))
; a lambda that is bound stands under the name that it is bound to
((call_expression
   function: (field_expression field: (field_identifier) @callee)
   arguments: (argument_list . (string_literal) @name (lambda_expression) @symbol.function))
 (#match? @callee "^def"))

; what holds them: a module or a class, and the variable that it is kept in
((call_expression
   function: (field_expression field: (field_identifier) @callee)
   arguments: (argument_list . (string_literal) @name)) @mention.owner
 (#eq? @callee "def_submodule"))
((call_expression
   function: [(template_function) (qualified_identifier)] @callee
   arguments: (argument_list . (_) . (string_literal) @name)) @mention.owner
 (#match? @callee "(class_|enum_|exception)<"))
((declaration
   type: (_) @callee
   declarator: (init_declarator value: (argument_list . (_) . (string_literal) @name))) @mention.owner
 (#match? @callee "(class_|enum_|exception)<"))

; such a class is bound to the C++ class in its angle brackets
((call_expression
   function: [
     (qualified_identifier name: (template_function
       name: (identifier) @class arguments: (template_argument_list . (type_descriptor) @target)))
     (template_function
       name: (identifier) @class arguments: (template_argument_list . (type_descriptor) @target))]
   arguments: (argument_list . (_) . (string_literal) @name)) @mention.entry
 (#match? @class "(class_|enum_)$"))
((declaration
   type: [
     (qualified_identifier name: (template_type
       name: (type_identifier) @class arguments: (template_argument_list . (type_descriptor) @target)))
     (template_type
       name: (type_identifier) @class arguments: (template_argument_list . (type_descriptor) @target))]
   declarator: (init_declarator value: (argument_list . (_) . (string_literal) @name))) @mention.entry
 (#match? @class "(class_|enum_)$"))

; the same module under another variable: auto module = py::handle(m).cast<py::module>()
((init_declarator
   declarator: (identifier) @target
   value: (call_expression
     function: (field_expression
       argument: (call_expression function: (_) @callee arguments: (argument_list . (identifier) @name)))))
 @mention.alias
 (#match? @callee "handle$|reinterpret_borrow"))
