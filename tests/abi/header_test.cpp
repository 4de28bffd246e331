// header_test.cpp - the same as header_test.c in C++: the header is C, and a C++ caller links to it.
#include "header_test.c"

#include <type_traits>

// Handles are opaque and distinct, options are plain data.
static_assert(!std::is_same<fm_net, fm_model>::value, "");
static_assert(std::is_trivial<fm_net_options>::value && std::is_standard_layout<fm_net_options>::value, "");
