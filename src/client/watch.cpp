#include "client/watch.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "client/answers.hpp"
#include "wire/views.hpp"

namespace baton::client {
namespace {

tl::unexpected<Error> bad_event(const StreamEvent& event, const std::string& why) {
  return fail({.code = "server.bad_answer",
               .what = "an event '" + event.name + "' of the server cannot be read: " + why,
               .where = {},
               .way_out = "is it a `baton serve` of this version?"});
}

}  // namespace

Result<Server::News> news_of(const StreamEvent& event) {
  Server::News news;
  const bool of_run = event.name == "run" || event.name == "end";
  if (!of_run && event.name != "tasks" && event.name != "progress") return news;
  const auto data = wire::parse(event.data);
  if (!data) return bad_event(event, data.error().what);
  if (of_run) {
    auto run = wire::run_from(*data);
    if (!run) return bad_event(event, run.error().what);
    news.run = std::move(*run);
    news.end = event.name == "end";
    return news;
  }
  const auto* const list = event.name == "tasks" ? "tasks" : "progress";
  if (!data->is_object() || !data->contains(list)) return bad_event(event, "it has no member '" + std::string(list) + "'");
  for (const auto& [key, value] : data->at(list).items()) {
    if (event.name == "progress") {
      if (value.is_number()) news.progress.emplace(NodeId(key), value.get<double>());
      continue;
    }
    auto task = wire::task_from(value);
    if (!task) return bad_event(event, task.error().what);
    news.tasks.push_back(std::move(*task));
  }
  return news;
}

RemoteWatch::RemoteWatch(Runtime& runtime, boost::asio::any_io_executor executor, RemoteOptions options, Patience patience,
                         std::string target)
    : runtime_(runtime),
      options_(std::move(options)),
      patience_(patience),
      target_(std::move(target)),
      http_(std::move(executor), options_.http),
      closing_(runtime.event()) {}

awaitable<Result<Server::News>> RemoteWatch::next() {
  for (;;) {
    while (!events_.empty()) {
      auto news = news_of(events_.front());
      events_.pop_front();
      if (!news || news->run || !news->tasks.empty() || !news->progress.empty()) co_return news;
    }
    if (!connected_) {
      const auto connected = co_await connect();
      if (!connected) co_return fail(connected.error());
    }
    const auto got = co_await read();
    if (!got) co_return fail(got.error());
  }
}

/// Until a server begins to answer, or none has for too long.
awaitable<Result<void>> RemoteWatch::connect() {
  for (;;) {
    const auto server = options_.servers[patience_.server()];
    patience_.tries(runtime_.steady());
    Call call{.method = "GET", .target = target_, .last_event_id = stream_.last_id()};
    auto answer = co_await http_.open(server, options_.token(), std::move(call));
    if (!answer && (closed_ || answer.error().code == "server.closed")) co_return fail(answer.error());
    if (answer && !is_passing(*answer)) {
      const auto wrong = error_of(*answer, server);
      if (wrong) co_return fail(*wrong);
      connected_ = true;
      co_return Result<void>{};
    }
    auto why = answer ? error_of(*answer, server).value_or(Error{}) : std::move(answer.error());
    const auto paused = co_await pause(std::move(why));
    if (!paused) co_return paused;
  }
}

/// Some bytes of the stream, perhaps with events in them; or the end of the connection, and a pause after it.
awaitable<Result<void>> RemoteWatch::read() {
  auto bytes = co_await http_.read();
  if (bytes && !bytes->empty()) {
    patience_.good();
    auto events = stream_.take(*bytes);
    if (!events) co_return fail(events.error());
    for (auto& event : *events) events_.push_back(std::move(event));
    co_return Result<void>{};
  }
  if (!bytes && (closed_ || bytes.error().code == "server.closed")) co_return fail(bytes.error());
  connected_ = false;
  stream_.broken();
  const auto server = options_.servers[patience_.server()];
  auto paused = co_await pause(
      bytes ? Error{.code = "server.silent", .what = "the stream of events was ended", .where = server.url, .way_out = {}}
            : std::move(bytes.error()));
  co_return paused;
}

awaitable<Result<void>> RemoteWatch::pause(Error why) {
  const auto now = runtime_.steady();
  if (options_.trouble && patience_.is_news_after(trouble_after, now)) options_.trouble(why);
  const auto wait = patience_.failed(now, runtime_.random());
  if (!wait) co_return fail(unreachable(why, options_.patience.give_up));
  const bool notified = co_await closing_->wait_for(*wait);
  if (notified || closed_)
    co_return fail({.code = "server.closed", .what = "the connection was given up", .where = {}, .way_out = {}});
  co_return Result<void>{};
}

void RemoteWatch::close() {
  closed_ = true;
  http_.close();
  closing_->notify();
}

}  // namespace baton::client
