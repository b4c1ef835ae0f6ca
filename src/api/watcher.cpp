#include "api/watcher.hpp"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "wire/views.hpp"

namespace baton::api {
namespace {

using Text = std::shared_ptr<const std::string>;

std::string event(std::string_view name, const std::string& id, const std::string& data) {
  std::string text = "event: " + std::string(name) + "\n";
  if (!id.empty()) text += "id: " + id + "\n";
  return text + "data: " + data + "\n\n";
}

std::string id_of(const RunView& run) { return wire::to_text(wire::Seen{.run = run.id, .fence = run.fence}); }

const Text& beat() {
  static const auto text = std::make_shared<const std::string>(":\n\n");
  return text;
}

}  // namespace

class Watcher::Subscriber final : public Stream {
 public:
  Subscriber(std::unique_ptr<Event> woken, Fence seen, const WatchOptions& options, std::shared_ptr<std::size_t> count)
      : seen_(seen),
        woken_(std::move(woken)),
        unread_bytes_max_(options.unread_bytes_max),
        beat_every_(options.beat_every),
        count_(std::move(count)) {
    ++*count_;
  }
  ~Subscriber() override { --*count_; }
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  awaitable<std::shared_ptr<const std::string>> next() override {
    while (!closed_) {
      if (!unread_.empty()) {
        auto text = std::move(unread_.front());
        unread_.pop_front();
        unread_bytes_ -= text->size();
        co_return text;
      }
      if (ended_) break;
      const auto woken = co_await woken_->wait_for(beat_every_);
      if (!woken && unread_.empty() && !ended_ && !closed_) co_return beat();
    }
    co_return nullptr;
  }
  void close() override {
    closed_ = true;
    unread_.clear();
    woken_->notify();
  }

  /// One text of any size is taken: a snapshot of a large run. Not another one before that is read.
  void push(const Text& text) {
    if (closed_ || ended_) return;
    if (unread_bytes_ > unread_bytes_max_) return close();
    unread_bytes_ += text->size();
    unread_.push_back(text);
    woken_->notify();
  }
  /// What is unread is still to be read.
  void end() {
    ended_ = true;
    woken_->notify();
  }
  [[nodiscard]] bool is_new() const { return new_; }
  [[nodiscard]] Fence seen() const { return seen_; }
  void is_told() { new_ = false; }

 private:
  const Fence seen_;
  bool new_ = true, ended_ = false, closed_ = false;
  std::unique_ptr<Event> woken_;
  const std::size_t unread_bytes_max_;
  const core::Duration beat_every_;
  std::deque<Text> unread_;
  std::size_t unread_bytes_ = 0;
  std::shared_ptr<std::size_t> count_;
};

struct Watcher::Watched {
  core::RunKey run;
  std::unique_ptr<Event> woken;
  std::vector<std::weak_ptr<Subscriber>> subscribers;
  Fence known = Fence::none();       ///< of the row as last read
  core::Duration known_since{};      ///< Runtime::steady()
  std::string told_run, told_tasks;  ///< what the subscribers had last
  bool closes = false;               ///< the run is final, and open: that it closes raises no fence
  std::size_t tasks = 0;
  std::set<Index> started;
  std::map<Index, double> progress;  ///< as told by events of progress
  bool look_for_progress = false;

  [[nodiscard]] std::vector<std::shared_ptr<Subscriber>> living() {
    std::vector<std::shared_ptr<Subscriber>> found;
    std::erase_if(subscribers, [&](const std::weak_ptr<Subscriber>& one) {
      auto subscriber = one.lock();
      if (!subscriber) return true;
      found.push_back(std::move(subscriber));
      return false;
    });
    return found;
  }
  void take(const std::vector<TaskView>& read) {
    for (const auto& task : read) {
      const auto index = task.record.task;
      tasks = std::max(tasks, std::size_t{index} + 1);
      if (task.record.state == core::State::started) {
        started.insert(index);
      } else {
        started.erase(index);
      }
    }
  }
};

Watcher::Watcher(Runtime& runtime, Store& store, WatchOptions options)
    : runtime_(runtime), store_(store), options_(options), gate_(runtime.gate()), stopped_(runtime.event()) {}
Watcher::~Watcher() = default;

Result<std::shared_ptr<Stream>> Watcher::subscribe(const core::RunKey& run, Fence seen) {
  if (stopping_) return fail({.code = "api.stopping", .what = "the server is stopping", .where = {}, .way_out = "ask again"});
  if (*subscribers_ >= options_.subscribers_max)
    return fail({.code = "api.busy",
                 .what = "there are " + std::to_string(*subscribers_) + " streams of events already",
                 .where = {},
                 .way_out = "ask again later, or another replica"});
  auto subscriber = std::make_shared<Subscriber>(runtime_.event(), seen, options_, subscribers_);
  auto& watched = watched_[run];
  const bool found = watched != nullptr;
  if (!found) {
    watched = std::make_shared<Watched>();
    watched->run = run;
    watched->woken = runtime_.event();
  }
  watched->subscribers.emplace_back(subscriber);
  watched->woken->notify();
  if (!found) gate_->spawn(follow(watched));
  return subscriber;
}

void Watcher::changed(const core::RunKey& run) {
  if (run.user == UserId(0)) {
    for (const auto& [key, watched] : watched_) watched->woken->notify();
    return;
  }
  if (const auto found = watched_.find(run); found != watched_.end()) found->second->woken->notify();
}

awaitable<void> Watcher::serve() {
  while (!stopping_) {
    const auto stopped = co_await stopped_->wait_for(options_.look_every);
    if (!stopped) co_await ask_for_changes();
  }
  co_await gate_->empty();
}

void Watcher::stop() {
  stopping_ = true;
  stopped_->notify();
  for (const auto& [key, watched] : watched_) {
    for (const auto& subscriber : watched->living()) subscriber->end();
    watched->woken->notify();
  }
}

awaitable<void> Watcher::ask_for_changes() {
  std::vector<Store::Watched> runs;
  const auto now = runtime_.steady();
  for (const auto& [key, watched] : watched_) {
    if (watched->living().empty()) watched->woken->notify();  // its coroutine leaves
    if (!watched->started.empty() && watched->tasks <= options_.progress_tasks_max) {
      watched->look_for_progress = true;
      watched->woken->notify();
    }
    const bool settled = !watched->closes && now - watched->known_since > options_.pass_max;
    runs.push_back({.run = key, .known = settled ? watched->known : Fence(watched->known.value() - 1)});
  }
  if (runs.empty()) co_return;
  const auto found = co_await store_.changed(std::move(runs));
  if (!found) co_return;  // asked again in a second
  for (const auto& run : *found) changed(run);
}

awaitable<void> Watcher::follow(std::shared_ptr<Watched> watched) {
  while (!stopping_ && !watched->living().empty()) {
    co_await watched->woken->wait();
    if (stopping_ || watched->living().empty()) break;
    const auto goes_on = co_await look(*watched);
    if (!goes_on) break;
    co_await runtime_.sleep(options_.gather);
  }
  for (const auto& subscriber : watched->living()) subscriber->end();
  watched_.erase(watched->run);
}

/// @return whether there will be more to tell
awaitable<bool> Watcher::look(Watched& watched) {
  const auto run = co_await store_.run(watched.run);  // before its tasks: what they show is never older than its fence
  if (!run) {
    if (run.error().code != "store.not_found") watched.known_since = runtime_.steady();  // so that it is asked again
    co_return run.error().code != "store.not_found";
  }
  const auto old = co_await tell_old(watched, *run);
  const auto fresh = co_await tell_new(watched, *run);
  if (!old || !fresh) {  // the next look reads what this one has not
    watched.known_since = runtime_.steady();
    co_return true;
  }
  if (run->fence != watched.known) watched.known_since = runtime_.steady();
  watched.known = run->fence;
  watched.closes = core::is_final(run->record.result);
  if (std::exchange(watched.look_for_progress, false)) co_await tell_progress(watched);
  if (!core::is_final(run->record.result) || run->open) co_return true;
  const auto end = std::make_shared<const std::string>(event("end", id_of(*run), wire::dump(wire::json_of(*run))));
  for (const auto& subscriber : watched.living()) {
    if (subscriber->is_new()) {  // came while this was read: it has to be told all before
      watched.woken->notify();
      co_return true;
    }
  }
  for (const auto& subscriber : watched.living()) subscriber->push(end);
  co_return false;
}

/// Those who have been told all up to `known`.
awaitable<Result<void>> Watcher::tell_old(Watched& watched, const RunView& run) {
  if (watched.known == Fence::none()) co_return Result<void>();
  const auto tasks = co_await store_.tasks(watched.run, Fence(watched.known.value() - 1));
  if (!tasks) co_return fail(tasks.error());
  watched.take(*tasks);
  auto told_run = wire::dump(wire::json_of(run));
  auto told_tasks = nlohmann::json::array();
  for (auto task : *tasks) {
    task.progress.reset();  // has events of its own
    told_tasks.push_back(wire::json_of(task));
  }
  auto text = wire::dump(told_tasks);
  const bool same_tasks = text == watched.told_tasks;
  if (same_tasks && told_run == watched.told_run) co_return Result<void>();
  const auto news = std::make_shared<const std::string>(batch(run, told_run, same_tasks ? std::vector<TaskView>() : *tasks));
  watched.told_run = std::move(told_run);
  watched.told_tasks = std::move(text);
  for (const auto& subscriber : watched.living())
    if (!subscriber->is_new()) subscriber->push(news);
  co_return Result<void>();
}

/// Those who came since the last look, each with what it has not seen.
awaitable<Result<void>> Watcher::tell_new(Watched& watched, const RunView& run) {
  std::map<Fence, std::vector<std::shared_ptr<Subscriber>>> groups;
  for (auto& subscriber : watched.living())
    if (subscriber->is_new()) groups[subscriber->seen()].push_back(subscriber);
  if (watched.known == Fence::none()) groups[Fence::none()];  // the first look reads all, for progress
  if (groups.empty()) co_return Result<void>();
  const auto told_run = wire::dump(wire::json_of(run));
  for (const auto& [seen, subscribers] : groups) {
    const auto since = seen == Fence::none() ? seen : Fence(seen.value() - 1);
    const auto tasks = co_await store_.tasks(watched.run, since);
    if (!tasks) co_return fail(tasks.error());
    watched.take(*tasks);
    if (subscribers.empty()) continue;
    const auto news = std::make_shared<const std::string>(batch(run, told_run, *tasks));
    for (const auto& subscriber : subscribers) {
      subscriber->push(news);
      subscriber->is_told();
    }
  }
  watched.told_run = told_run;
  co_return Result<void>();
}

/// It is written outside of passes: no fence tells of it.
awaitable<Result<void>> Watcher::tell_progress(Watched& watched) {
  const auto tasks = co_await store_.tasks(watched.run, Fence::none());
  if (!tasks) co_return fail(tasks.error());
  auto changes = nlohmann::json::object();
  for (const auto& task : *tasks) {
    const auto index = task.record.task;
    if (!task.progress || !watched.started.contains(index)) {
      watched.progress.erase(index);
      continue;
    }
    const auto [known, is_new] = watched.progress.emplace(index, *task.progress);
    if (is_new || known->second != *task.progress) changes[task.node.value()] = *task.progress;
    known->second = *task.progress;
  }
  if (changes.empty()) co_return Result<void>();
  const nlohmann::json told{{"progress", std::move(changes)}};
  const auto text = std::make_shared<const std::string>(event("progress", "", wire::dump(told)));
  for (const auto& subscriber : watched.living())
    if (!subscriber->is_new()) subscriber->push(text);
  co_return Result<void>();
}

/// The id stands on the last event alone: who has that has all before it.
std::string Watcher::batch(const RunView& run, const std::string& told, const std::vector<TaskView>& tasks) const {
  const auto id = id_of(run);
  auto text = event("run", tasks.empty() ? id : "", told);
  for (std::size_t begin = 0; begin < tasks.size(); begin += options_.tasks_per_event) {
    const auto end = std::min(tasks.size(), begin + options_.tasks_per_event);
    auto list = nlohmann::json::array();
    for (auto i = begin; i < end; ++i) list.push_back(wire::json_of(tasks[i]));
    const nlohmann::json part{{"fence", run.fence.value()}, {"tasks", std::move(list)}};
    text += event("tasks", end == tasks.size() ? id : "", wire::dump(part));
  }
  return text;
}

}  // namespace baton::api
