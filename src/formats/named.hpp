/// Nodes as people name them, on the command line and in requests.
#pragma once

#include <string>
#include <vector>

#include "core/model.hpp"
#include "core/result.hpp"

namespace baton::formats {

/// The nodes that a word names: a step's tasks, or one task. Errors: usage.unknown_node.
[[nodiscard]] Result<std::vector<Index>> nodes_named(const core::Project& project, const std::string& word);

}  // namespace baton::formats
