/// Answers for `baton why`: why a node runs, waits, or does not run, in sentences. Pure; what is printed is decided here, not measured.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/plan.hpp"
#include "core/run.hpp"

namespace baton::core {

enum class Topic : std::uint8_t {
  state,     ///< what it does now, or would do: always the first line, always one
  waits,     ///< what it waits for, or why it will not go on
  reason,    ///< why it was, or would be, planned: one line per reason
  error,     ///< what went wrong in its newest attempt
  previous,  ///< its last success, which it is measured against
  command,   ///< as written
  log        ///< where the newest attempt's output is
};
[[nodiscard]] std::string_view to_text(Topic topic);

struct Line {
  Topic topic = Topic::state;
  std::string text;
  bool operator==(const Line&) const = default;
};
using Lines = std::vector<Line>;
/// What there is to say of one node.
struct Explained {
  NodeId node;
  Lines lines;
};

/// `input 'genome': data/genome.fa changed since run 3`
[[nodiscard]] std::string to_text(const Reason& reason);

/// Of a task in a run, at `now` by the store's clock.
[[nodiscard]] Lines explain(const Run& run, Index task, Instant now);
/// Of a node that no unfinished run holds: whether `plan` would run it, and why or why not. `facts` are those of the plan.
[[nodiscard]] Lines explain(const Project& project, const Facts& facts, const Plan& plan, Index node);

}  // namespace baton::core
