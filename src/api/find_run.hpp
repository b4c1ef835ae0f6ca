/// The run that a request is about.
#pragma once

#include <optional>

#include "api/http.hpp"
#include "api/service.hpp"

namespace baton::api {

struct About {
  UserId user;
  ProjectId project;
  std::optional<Iteration> iteration;
};
/// `{project}` of the path, `user_id` and `iteration` of the query. Errors: api.invalid.
[[nodiscard]] Result<About> about_of(const Call& call);

/// The iteration that is asked for, or the newest; none: the project has no run yet. What is another user's is not there.
/// Errors: store.not_found (no such project, no such iteration).
awaitable<Result<std::optional<RunView>>> find_run(Place& place, About about);
/// The same, where there must be one. Errors: store.not_found.
awaitable<Result<RunView>> need_run(Place& place, About about);

}  // namespace baton::api
