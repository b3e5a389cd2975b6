; Added for files that start threads or processes.

; Thread(target=f), context.Process(target=f), mp.spawn(fn=f)
((call function: [(identifier) (attribute)] @target
   arguments: (argument_list
     (keyword_argument name: (identifier) @keyword value: [(identifier) (attribute)] @name))) @mention.start
 (#match? @target "(^|[._])(Thread|Process|Timer|spawn|start_processes)$")
 (#any-of? @keyword "target" "fn" "function"))
; executor.submit(f, …), mp.spawn(f, …)
((call function: [(identifier) (attribute)] @target
   arguments: (argument_list . [(identifier) (attribute)] @name)) @mention.start
 (#match? @target "(^|\\.)(submit|spawn|start_processes|start_new_thread)$"))

; what is handed along: args=(…) and kwargs={…} of all but submit, which takes them as its own
((call function: [(identifier) (attribute)] @starter
   arguments: (argument_list
     (keyword_argument name: (identifier) @keyword
       value: [(tuple [(identifier) (attribute) (subscript)] @name @mention.argument)
               (list [(identifier) (attribute) (subscript)] @name @mention.argument)])))
 (#match? @starter "(^|[._])(Thread|Process|Timer|spawn|start_processes)$")
 (#eq? @keyword "args"))
((call function: [(identifier) (attribute)] @starter
   arguments: (argument_list
     (keyword_argument name: (identifier) @keyword
       value: (dictionary (pair
         key: (string (string_content) @target)
         value: [(identifier) (attribute) (subscript)] @name @mention.argument)))))
 (#match? @starter "(^|[._])(Thread|Process|Timer)$")
 (#eq? @keyword "kwargs"))
((call function: [(identifier) (attribute)] @starter
   arguments: (argument_list . (_) [(identifier) (attribute) (subscript)] @name @mention.argument))
 (#match? @starter "(^|\\.)submit$"))
