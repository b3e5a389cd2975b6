; Added for files that hold `PyMethodDef` or `PyGetSetDef`.

; Rows of a table: {"name", function, flags, doc} and {"name", getter, setter, doc}
((declaration
   type: (_) @type
   declarator: (init_declarator value: (initializer_list
     (initializer_list . [(string_literal) @name (cast_expression value: (string_literal) @name)] . (_) @target)
     @mention.entry)))
 (#match? @type "Py(Method|GetSet)Def"))

; A method table joins those of the module under construction
((call_expression
   function: (identifier) @callee
   arguments: (argument_list (_) . (_) @name)) @mention.table
 (#eq? @callee "THPUtils_addPyMethodDefs"))

; What Python calls for `len(x)`, `x[i]` and `x[i] = y`: the place in the table says which it is
((declaration
   type: (_) @type
   declarator: (init_declarator value: (initializer_list (identifier) @name @target @mention.entry) @slot))
 (#eq? @type "PyMappingMethods"))

; a row that is copied under another name: aliases{{{"mm", "spmm"}}}
((declaration
   declarator: (init_declarator
     declarator: (identifier) @callee
     value: (initializer_list (initializer_list
       (initializer_list . (string_literal) @target . (string_literal) @name .) @mention.entry))))
 (#eq? @callee "aliases"))
