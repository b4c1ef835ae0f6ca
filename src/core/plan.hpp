/// Which nodes must run, and why. Pure; `baton plan` prints it, a run begins with it (C§4.3, C§4.4).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model.hpp"
#include "core/result.hpp"
#include "core/states.hpp"

namespace baton::core {

enum class ReasonKind : std::uint8_t {
  never_succeeded,
  definition_changed,
  input_changed,
  output_missing,
  output_changed,
  upstream_runs,
  forced,
  not_cached
};
/// `never-succeeded`, …: the names of the pipeline format.
[[nodiscard]] std::string_view to_text(ReasonKind kind);
[[nodiscard]] std::optional<ReasonKind> reason_kind_from(std::string_view text);

struct Reason {
  ReasonKind kind = ReasonKind::never_succeeded;
  std::string port;    ///< empty where the reason is not about one
  std::string detail;  ///< for people: the path, the producer, what changed since which run
  bool operator==(const Reason&) const = default;
};
using Reasons = std::vector<Reason>;

/// What is known of one node before a run.
struct History {
  State state = State::not_started;        ///< of the project's newest run that had the node
  std::shared_ptr<const Success> success;  ///< null: it never succeeded
};
enum class OutputStatus : std::uint8_t { good, missing, changed };

/// What was looked up for a plan; parallel to `Project::nodes` where it is a vector.
struct Facts {
  std::vector<History> history;
  std::map<std::string, Stamp> files;  ///< each input file (and `files:` script) by path, as it is now
  /// Path products of the last success, by node and port, that are not `good`.
  std::map<std::pair<Index, std::string>, OutputStatus> outputs;
};

struct Selection {
  std::vector<Index> nodes;  ///< empty = all; else these and those of their ancestors that must run
  bool force = false;        ///< all, or (with `nodes`) these alone, run in any case
};

struct Plan {
  std::vector<Index> nodes;      ///< those that run, in topological order
  std::vector<Reasons> reasons;  ///< parallel to Project::nodes; empty = does not run
  std::vector<Key> keys;         ///< parallel to Project::nodes; digests of what is made upstream in this run are empty
};

/// All nodes that must run with all reasons of each. The graph must be free of cycles (find_cycle, dag.hpp).
[[nodiscard]] Plan plan(const Project& project, const Facts& facts, const Selection& selection);

}  // namespace baton::core
