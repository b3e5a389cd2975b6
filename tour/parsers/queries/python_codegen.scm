; Added for files that hold `SKIP_PYTHON_BINDINGS`.

; operators that get no generated binding
((assignment left: (identifier) @target right: (list (string (string_content) @name) @mention.skip))
 (#match? @target "SKIP_PYTHON_BINDINGS$"))
