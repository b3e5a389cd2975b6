; What to look for in C; see c_family.scm for the words.

(function_definition declarator: (function_declarator declarator: (identifier) @name parameters: (_) @signature)) @symbol.function
(function_definition declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @name parameters: (_) @signature))) @symbol.function

(declaration declarator: (function_declarator declarator: (identifier) @name parameters: (_) @signature)) @symbol.function.declaration
(declaration declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @name parameters: (_) @signature))) @symbol.function.declaration

(declaration declarator: (init_declarator declarator: (identifier) @name)) @symbol.variable
(declaration declarator: (init_declarator declarator: (array_declarator declarator: (identifier) @name))) @symbol.variable

(struct_specifier name: (type_identifier) @name body: (_)) @symbol.class
(union_specifier name: (type_identifier) @name body: (_)) @symbol.class
(enum_specifier name: (type_identifier) @name body: (_)) @symbol.enum
(type_definition declarator: (type_identifier) @name) @symbol.alias
(preproc_def name: (identifier) @name) @symbol.macro
(preproc_function_def name: (identifier) @name) @symbol.macro

(call_expression function: (_) @mention.call)
