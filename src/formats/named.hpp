/// Nodes as people name them, on the command line and in requests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model.hpp"
#include "core/result.hpp"

namespace baton::formats {

/// The nodes that a word names: a step's tasks, or one task. `document`: the project's text, which knows the steps without tasks as well;
/// empty: they are not told from what is unknown. Errors: usage.unknown_node, usage.no_tasks.
[[nodiscard]] Result<std::vector<Index>> nodes_named(const core::Project& project, const std::string& word,
                                                     std::string_view document = {});

}  // namespace baton::formats
