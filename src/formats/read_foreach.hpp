/// `foreach`: variables and their values. Private to formats/.
#pragma once

#include <string>
#include <vector>

#include "formats/complaints.hpp"
#include "formats/draft.hpp"
#include "formats/yaml_tree.hpp"

namespace baton::formats {

/// At most 8 variables; a value is at most 1 000 bytes as JSON, as it becomes part of ids and folders; a variable has at most 100 000.
[[nodiscard]] std::vector<Variable> read_foreach(const YamlNode& node, std::string_view owner, const Params& params,
                                                 Complaints& bad);

}  // namespace baton::formats
