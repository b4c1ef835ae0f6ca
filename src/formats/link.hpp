/// `reads[${foreach.sample},*].r1` as written. Private to formats/.
#pragma once

#include "formats/complaints.hpp"
#include "formats/draft.hpp"
#include "formats/scalars.hpp"

namespace baton::formats {

/// Reads a link; `subject` is what messages name. Whether its names are known is asked later, when all steps are.
[[nodiscard]] Link read_link(const YamlNode& node, const Subject& subject, Complaints& bad);

}  // namespace baton::formats
