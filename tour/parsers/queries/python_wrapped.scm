; Added for files that wrap a function at module level and keep calling it by the new name. The reader looks at
; `@wrapper` and `@branch`: a text predicate would cost more than all else in the file.

; conv1d = _add_docstr(torch.conv1d, r"""…"""), f = partial(g, …)
(assignment left: [(identifier) (attribute)] @target
  right: (call function: [(identifier) (attribute)] @wrapper
    arguments: (argument_list . [(identifier) (attribute)] @name))) @mention.alias

; max_pool1d = boolean_dispatch(…, if_true=max_pool1d_with_indices, if_false=_max_pool1d, …)
(assignment left: (identifier) @target
  right: (call function: [(identifier) (attribute)] @wrapper
    arguments: (argument_list
      (keyword_argument name: (identifier) @branch value: [(identifier) (attribute)] @name)))) @mention.alias
