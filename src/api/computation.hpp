/// A project's computation as the reference shows it (C§4.6, C§6.2).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "api/http.hpp"
#include "api/service.hpp"
#include "core/plan.hpp"

namespace baton::api {

/// `pipeline_details` of a run: its tasks' graph; of all nodes of the project where they stand. Without a run there is no graph.
/// Errors: store errors.
awaitable<Result<nlohmann::json>> details_of_run(Place& place, ProjectId project, std::optional<RunView> run);
/// The same of what was planned: the graph of the nodes that run.
[[nodiscard]] nlohmann::json details_of_plan(const core::Project& project, const core::Plan& plan,
                                             const std::vector<NodeView>& nodes);

/// The computation around its details. `stop_url` is there while the run can be stopped.
[[nodiscard]] nlohmann::json computation(const Call& call, UserId user, const ProjectId& project,
                                         const std::optional<RunView>& run, nlohmann::json details);

}  // namespace baton::api
