; What begins at the root of a Python file. Apart from python.scm, for a pattern of `module` is tried at every node below.

; names that a module binds, also under if and try
(module (expression_statement (assignment left: (identifier) @name) @symbol.variable))
(module (if_statement (block (expression_statement (assignment left: (identifier) @name) @symbol.variable))))
(module (if_statement (else_clause (block (expression_statement (assignment left: (identifier) @name) @symbol.variable)))))
(module (try_statement (block (expression_statement (assignment left: (identifier) @name) @symbol.variable))))
(module (try_statement (except_clause (block (expression_statement (assignment left: (identifier) @name) @symbol.variable)))))

; what a function gives that a module calls (of a class python.scm tells)
(module (expression_statement (assignment left: [(identifier) (attribute)] @target
  right: (call function: [(identifier) (attribute)] @name)) @mention.instance) @top)
