/// A run as the reference system inserts it (C§5), read as one of ours: which of its nodes Baton runs, and how. Pure.
///
/// A node of key `simcore/services/comp/baton/step` is a step of ours: `image.command` is its argv, `image.envs` its environment,
/// `image.node_requirements` its resources, `schema.outputs` its outputs (a `data:` port is a file named as its entry in `fileToKeyMap`, else
/// as the port), `inputs` its values and links. `${…}` means what it means in a document. Any other node, and one of ours that cannot be
/// run, has a step without words: its service is `Step::image`, the reason, if it is another one, `Step::description`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/run.hpp"

namespace baton::store {

/// The service key of nodes that are steps of Baton's.
inline constexpr std::string_view step_service = "simcore/services/comp/baton/step";

/// What is told of a node: a row of comp_run_snapshot_tasks or of comp_tasks. JSON as it stands there; none: NULL.
struct ReferenceRow {
  std::string node;
  std::optional<std::string> image, schema, inputs, outputs;
  std::optional<std::string> success;  ///< what Baton knows of its last success (store/codec)
};
struct ReferenceRun {
  std::string dag;                  ///< {node: [nodes that wait for it]}
  std::vector<ReferenceRow> nodes;  ///< of several rows of one node the first counts: the run's own, then the project's
  std::int32_t retries_lost = core::Retries{}.lost;  ///< of all tasks
};

/// The run's tasks in the order of its DAG; links to nodes outside it are what these have made (`given`).
/// Errors: run.not_adopted: a cycle, a node without a row, JSON of another shape.
[[nodiscard]] Result<std::vector<core::TaskDefinition>> tasks_of(const ReferenceRun& run);

/// `what` is why the run cannot be one of ours.
[[nodiscard]] Error not_adopted(std::string what);

}  // namespace baton::store
