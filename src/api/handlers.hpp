/// What is done at each path of docs/api.md; one file a topic.
#pragma once

#include "api/http.hpp"
#include "api/service.hpp"

namespace baton::api {

awaitable<Result<Answer>> put_project(Place& place, Call call);

awaitable<Result<Answer>> start_computation(Place& place, Call call);
awaitable<Result<Answer>> get_computation(Place& place, Call call);
awaitable<Result<Answer>> stop_computation(Place& place, Call call);

awaitable<Result<Answer>> plan_computation(Place& place, Call call);
awaitable<Result<Answer>> explain_computation(Place& place, Call call);

awaitable<Result<Answer>> list_runs(Place& place, Call call);
awaitable<Result<Answer>> list_tasks(Place& place, Call call);
awaitable<Result<Answer>> list_attempts(Place& place, Call call);
awaitable<Result<Answer>> list_nodes(Place& place, Call call);

awaitable<Result<Answer>> read_log(Place& place, Call call);

awaitable<Result<Answer>> follow_events(Place& place, Call call);

awaitable<Result<Answer>> list_quarantine(Place& place, Call call);
awaitable<Result<Answer>> release_from_quarantine(Place& place, Call call);

awaitable<Result<Answer>> is_healthy(Place& place, Call call);
awaitable<Result<Answer>> is_ready(Place& place, Call call);
awaitable<Result<Answer>> show_metrics(Place& place, Call call);

}  // namespace baton::api
