; Added for files that start threads or processes. The reader looks at what is called and at `@keyword`.

; Thread(target=f), context.Process(target=f), mp.spawn(fn=f)
(call function: [(identifier) (attribute)] @target
  arguments: (argument_list
    (keyword_argument name: (identifier) @keyword value: [(identifier) (attribute)] @name))) @mention.start
; executor.submit(f, …), mp.spawn(f, …)
(call function: [(identifier) (attribute)] @target
  arguments: (argument_list . [(identifier) (attribute)] @name)) @mention.start

; what is handed along: args=(…) and kwargs={…}; `submit` takes it as its own
(call function: [(identifier) (attribute)] @starter
  arguments: (argument_list
    (keyword_argument name: (identifier) @keyword
      value: [(tuple [(identifier) (attribute) (subscript)] @name @mention.argument)
              (list [(identifier) (attribute) (subscript)] @name @mention.argument)])))
(call function: [(identifier) (attribute)] @starter
  arguments: (argument_list
    (keyword_argument name: (identifier) @keyword
      value: (dictionary (pair
        key: (string (string_content) @target)
        value: [(identifier) (attribute) (subscript)] @name @mention.argument)))))
(call function: [(identifier) (attribute)] @starter
  arguments: (argument_list . (_) [(identifier) (attribute) (subscript)] @name @mention.argument))
