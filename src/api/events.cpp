#include <utility>

#include "api/find_run.hpp"
#include "api/handlers.hpp"
#include "api/watcher.hpp"
#include "wire/views.hpp"

namespace baton::api {

awaitable<Result<Answer>> follow_events(Place& place, Call call) {
  const auto about = about_of(call);
  if (!about) co_return fail(about.error());
  const auto run = co_await need_run(place, *about);
  if (!run) co_return fail(run.error());
  auto seen = Fence::none();  // what was seen of another run says nothing of this one
  if (const auto last = wire::seen_from(call.last_event_id); last && last->run == run->id) seen = last->fence;
  auto stream = place.watcher.subscribe(run->key, seen);
  if (!stream) co_return fail(stream.error());
  Answer answer{.status = 200, .content_type = "text/event-stream", .stream = std::move(*stream)};
  co_return answer;
}

}  // namespace baton::api
