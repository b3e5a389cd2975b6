; Added for files that hold `with_metaclass(`.

; class A(with_metaclass(Meta, B, C)): the bases come after the metaclass
((class_definition superclasses: (argument_list
   (call function: [(identifier) (attribute)] @maker
     arguments: (argument_list . (_) [(identifier) (attribute)] @name @mention.base))))
 (#match? @maker "(^|\\.)with_metaclass$"))
