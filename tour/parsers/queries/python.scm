; What to look for in Python. `@symbol.KIND` and `@mention.ROLE` mark the whole node (of a call what is called),
; `@name` what it is called,
; `@target` what it is tied to, `@signature` the parameters.

(class_definition name: (identifier) @name) @symbol.class

(function_definition name: (identifier) @name parameters: (parameters) @signature) @symbol.function

; names that a class body binds
(class_definition body: (block (expression_statement (assignment left: (identifier) @name) @symbol.variable)))

(call function: (_) @mention.call)

(decorator [(identifier) (attribute)] @name @mention.decorator)

(class_definition superclasses: (argument_list [(identifier) (attribute)] @name @mention.base))
(class_definition superclasses: (argument_list (subscript value: [(identifier) (attribute)] @name @mention.base)))

(import_statement name: (dotted_name) @name @mention.import)
(import_statement
  name: (aliased_import name: (dotted_name) @name alias: (identifier) @target) @mention.import)

(import_from_statement module_name: (_) @module name: (dotted_name) @name @mention.from)
(import_from_statement module_name: (_) @module
  name: (aliased_import name: (dotted_name) @name alias: (identifier) @target) @mention.from)
(import_from_statement module_name: (_) @module (wildcard_import) @name) @mention.from

; what a name stands for: another name, or an object of a class (the reader keeps what looks like a class)
(assignment left: [(identifier) (attribute)] @target right: [(identifier) (attribute)] @name) @mention.alias
(assignment left: (identifier) @target
  right: (conditional_expression . [(identifier) (attribute)] @name)) @mention.alias
(assignment left: (identifier) @target
  right: (conditional_expression [(identifier) (attribute)] @name .)) @mention.alias
(assignment left: (identifier) @target
  right: (parenthesized_expression (conditional_expression . [(identifier) (attribute)] @name))) @mention.alias
(assignment left: (identifier) @target
  right: (parenthesized_expression (conditional_expression [(identifier) (attribute)] @name .))) @mention.alias
(assignment left: [(identifier) (attribute)] @target
  right: (call function: [(identifier) (attribute)] @name)) @mention.instance
(assignment left: [(identifier) (attribute)] @target type: (type (_) @name)) @mention.instance
(typed_parameter . (identifier) @target type: (type (_) @name)) @mention.instance
(typed_default_parameter name: (identifier) @target type: (type (_) @name)) @mention.instance
(return_statement (identifier) @name) @mention.alias
(function_definition return_type: (type (_) @name)) @mention.instance
(as_pattern (call function: [(identifier) (attribute)] @name)
  alias: (as_pattern_target (identifier) @target)) @mention.instance
