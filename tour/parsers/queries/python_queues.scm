; Added for files that make queues: what a list of queues holds goes by the list's name and `[]`. The reader looks at
; `@method`.

; self.queues.append(queue)
(call function: (attribute object: [(identifier) (attribute)] @target attribute: (identifier) @method)
  arguments: (argument_list . [(identifier) (attribute)] @name .)) @mention.alias
; queue = self.queues[at]
(assignment left: (identifier) @target right: (subscript value: [(identifier) (attribute)]) @name) @mention.alias
