#include "api/find_run.hpp"

#include <limits>
#include <utility>

#include "api/body.hpp"
#include "core/run_row.hpp"

namespace baton::api {

Result<About> about_of(const Call& call) {
  auto project = project_of(call);
  if (!project) return fail(project.error());
  const auto user = user_of(call);
  if (!user) return fail(user.error());
  const auto iteration = number_of(call, "iteration", 1, std::numeric_limits<std::int64_t>::max());
  if (!iteration) return fail(iteration.error());
  About about{.user = *user, .project = std::move(*project)};
  if (*iteration) about.iteration = Iteration(**iteration);
  return about;
}

awaitable<Result<std::optional<RunView>>> find_run(Place& place, About about) {
  if (about.iteration) {
    auto run = co_await place.store.run({about.user, about.project, *about.iteration});
    if (!run) co_return fail(run.error());
    co_return std::optional(std::move(*run));
  }
  auto runs = co_await place.store.runs(about.project, 1);
  if (!runs) co_return fail(runs.error());
  if (!runs->empty() && runs->front().key.user == about.user) co_return std::optional(std::move(runs->front()));
  const auto project = co_await place.store.project(about.project);
  if (!project) co_return fail(project.error());
  if (project->user != about.user) co_return fail(core::project_not_found(about.project));
  co_return std::optional<RunView>();
}

awaitable<Result<RunView>> need_run(Place& place, About about) {
  auto run = co_await find_run(place, about);
  if (!run) co_return fail(run.error());
  if (!*run)
    co_return fail({.code = "store.not_found",
                    .what = "project '" + about.project.value() + "' has no run yet",
                    .where = about.project.value(),
                    .way_out = {}});
  co_return std::move(**run);
}

}  // namespace baton::api
