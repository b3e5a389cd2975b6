; What to look for in Python. `@symbol.KIND` and `@mention.ROLE` mark the whole node, `@name` what it is called,
; `@target` what it is tied to, `@signature` the parameters. The engine keeps assignments out of functions.

(class_definition name: (identifier) @name) @symbol.class

(function_definition name: (identifier) @name parameters: (parameters) @signature) @symbol.function

(assignment left: (identifier) @name) @symbol.variable

(call function: (_) @name) @mention.call

(class_definition superclasses: (argument_list [(identifier) (attribute)] @name @mention.base))

(import_statement name: (dotted_name) @name @mention.import)
(import_statement
  name: (aliased_import name: (dotted_name) @name alias: (identifier) @target) @mention.import)

(import_from_statement module_name: (_) @module name: (dotted_name) @name @mention.from)
(import_from_statement module_name: (_) @module
  name: (aliased_import name: (dotted_name) @name alias: (identifier) @target) @mention.from)
(import_from_statement module_name: (_) @module (wildcard_import) @name) @mention.from

; setuptools declares an extension module here, and lists the files that define it
((call
   function: [(identifier) (attribute)] @callee
   arguments: (argument_list . (string (string_content) @name))) @symbol.module
 (#match? @callee "(^|\\.)(Extension|CppExtension|CUDAExtension)$"))
((call
   function: [(identifier) (attribute)] @callee
   arguments: (argument_list
     (keyword_argument name: (identifier) @keyword value: (string (string_content) @name)))) @symbol.module
 (#match? @callee "(^|\\.)(Extension|CppExtension|CUDAExtension)$")
 (#eq? @keyword "name"))
((call
   function: [(identifier) (attribute)] @callee
   arguments: (argument_list
     . (string (string_content) @target)
     (keyword_argument name: (identifier) @keyword value: [(identifier) (list)] @name))) @mention.source
 (#match? @callee "(^|\\.)(Extension|CppExtension|CUDAExtension)$")
 (#eq? @keyword "sources"))
((assignment left: (identifier) @target right: (list (string (string_content) @name))) @mention.source
 (#match? @target "sources$"))
