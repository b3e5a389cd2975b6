#pragma once
#define MINI_API __attribute__((visibility("default")))
#define HANDLE_ERRORS try {
#define END_HANDLE_ERRORS \
  }                       \
  catch (...) {           \
    return nullptr;       \
  }
#define MINI_EXPORT MINI_API
#define NOT_AN_ATTRIBUTE(x) x + 1

namespace mini {
class MINI_EXPORT Widget {  //: defines cpp:mini::Widget
 public:
  int size() const;  //: declares cpp:mini::Widget::size
  static Widget make() {  //: defines cpp:mini::Widget::make
    return Widget();
  }
};
}  // namespace mini
