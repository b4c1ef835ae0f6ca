/// An error as a user sees it on a terminal.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace baton::formats {

/// Lines, each ended by a line feed: what; the source line with carets under the word that `where` (`file:line:column`) names; the way
/// out; "Nothing was started." and the code. `text` is the document; where it does not hold the place, `where` stands alone.
/// Control characters of the document are shown as `?`; of a long line only the part around the place is shown.
[[nodiscard]] std::string show(const Error& error, std::string_view text);

}  // namespace baton::formats
