; What to look for in C++ and CUDA. `@symbol.KIND` and `@mention.ROLE` mark the whole node, `@name` what it is called,
; `@target` what it is tied to, `@signature` the parameters. A kind that ends in `.declaration` has no body.
; The engine keeps declarations and variables out of function bodies.

(namespace_definition name: (_) @name) @symbol.namespace
; one whose end the grammar lost among errors; without a capture of its own, only the first of several is told
(ERROR "namespace" @keyword . (_) @name . "{") @symbol.namespace
(class_specifier name: (_) @name body: (_)) @symbol.class
(struct_specifier name: (_) @name body: (_)) @symbol.class
(union_specifier name: (_) @name body: (_)) @symbol.class
(enum_specifier name: (_) @name body: (_)) @symbol.enum
(alias_declaration name: (type_identifier) @name) @symbol.alias
(type_definition declarator: (type_identifier) @name) @symbol.alias
(preproc_def name: (identifier) @name) @symbol.macro
(preproc_function_def name: (identifier) @name) @symbol.macro

(function_definition declarator: (function_declarator declarator: (_) @name parameters: (_) @signature)) @symbol.function
(function_definition declarator: (pointer_declarator declarator: (function_declarator declarator: (_) @name parameters: (_) @signature))) @symbol.function
(function_definition declarator: (pointer_declarator declarator: (pointer_declarator declarator: (function_declarator declarator: (_) @name parameters: (_) @signature)))) @symbol.function
(function_definition declarator: (pointer_declarator declarator: (reference_declarator (function_declarator declarator: (_) @name parameters: (_) @signature)))) @symbol.function
(function_definition declarator: (reference_declarator (function_declarator declarator: (_) @name parameters: (_) @signature))) @symbol.function
; a body of one macro call without a semicolon reads like an initializer
(declaration declarator: (init_declarator declarator: (function_declarator declarator: (_) @name parameters: (_) @signature) value: (initializer_list (call_expression) .))) @symbol.function
(function_definition declarator: (operator_cast declarator: (_) @signature) @name) @symbol.function

(declaration declarator: (function_declarator declarator: (_) @name parameters: (_) @signature)) @symbol.function.declaration
(declaration declarator: (pointer_declarator declarator: (function_declarator declarator: (_) @name parameters: (_) @signature))) @symbol.function.declaration
(declaration declarator: (reference_declarator (function_declarator declarator: (_) @name parameters: (_) @signature))) @symbol.function.declaration
(field_declaration declarator: (function_declarator declarator: (_) @name parameters: (_) @signature)) @symbol.function.declaration
(field_declaration declarator: (pointer_declarator declarator: (function_declarator declarator: (_) @name parameters: (_) @signature))) @symbol.function.declaration
(field_declaration declarator: (reference_declarator (function_declarator declarator: (_) @name parameters: (_) @signature))) @symbol.function.declaration

(declaration declarator: (init_declarator declarator: [(identifier) (qualified_identifier)] @name)) @symbol.variable
(declaration declarator: (init_declarator declarator: (array_declarator declarator: (_) @name))) @symbol.variable

(call_expression function: (_) @mention.call)

(base_class_clause [(type_identifier) (qualified_identifier) (template_type)] @name @mention.base)
