#include <nlohmann/json.hpp>

#include "api/answers.hpp"
#include "api/handlers.hpp"

namespace baton::api {

awaitable<Result<Answer>> is_healthy(Place&, Call) {
  co_return json_answer(200, {{"healthy", true}, {"version", BATON_VERSION}});
}

awaitable<Result<Answer>> is_ready(Place& place, Call) {
  const auto health = place.health();
  auto answer = json_answer(health.ready() ? 200 : 503, {{"ready", health.ready()},
                                                         {"store", health.store},
                                                         {"queue", health.queue},
                                                         {"lock", health.lock},
                                                         {"stopping", health.stopping}});
  if (!health.ready()) answer.headers.emplace_back("Retry-After", "1");
  co_return answer;
}

awaitable<Result<Answer>> show_metrics(Place& place, Call) {
  co_return Answer{.status = 200, .body = place.metrics(), .content_type = "text/plain; version=0.0.4; charset=utf-8"};
}

}  // namespace baton::api
