/// From steps to tasks: `foreach` multiplied, links followed, limits and cycles checked. Private to formats/.
#pragma once

#include <vector>

#include "core/model.hpp"
#include "formats/complaints.hpp"
#include "formats/draft.hpp"

namespace baton::formats {

constexpr std::size_t tasks_max = 100'000;
constexpr std::size_t edges_max = 2'000'000;
/// Values, parameters and ids of all tasks, each task with its own copy.
constexpr std::size_t expanded_bytes_max = std::size_t{256} << 20U;

/// The nodes of all steps in document order, of a step in the order of its `foreach` (the last variable runs fastest).
[[nodiscard]] std::vector<core::Node> expand(const std::vector<StepDraft>& steps, const Params& params, Complaints& bad);

}  // namespace baton::formats
