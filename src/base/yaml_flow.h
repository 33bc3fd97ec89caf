#pragma once
// What a parser of YAML does not say where a "{" or a "[" is missing its end, or an end stands that
// is one too many: it complains further down, of the first thing that it cannot read any more.
// Looks at brackets alone, past comments, quoted text and text in blocks; where it cannot tell, it
// says nothing.
//
// Pure function, any thread.

#include <string>
#include <string_view>

namespace drover {

/// "; the '{' of line 3 is not closed", of the innermost one that was opened down to `line` and
/// that nothing closes; or "; the ']' of line 3 has no '['", of an end that is one too many; "" if
/// there is neither.
std::string about_open_flow(std::string_view yaml, int line);

}  // namespace drover
