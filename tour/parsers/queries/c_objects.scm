; Added for files that hold `PyModule_Add`.

; PyModule_AddObject(module, "name", object)
((call_expression
   function: (identifier) @callee
   arguments: (argument_list (_) . (string_literal) @name . (_) @target)) @mention.entry
 (#match? @callee "^PyModule_Add(Object|ObjectRef|IntConstant|IntMacro|StringConstant)$"))
