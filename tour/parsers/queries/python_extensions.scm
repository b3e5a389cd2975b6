; Added for files that hold `Extension(`.

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
