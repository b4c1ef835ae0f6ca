#include "cli/follow_server.hpp"

#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "cli/outcome.hpp"
#include "cli/remote.hpp"

namespace baton::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto look_at_least = 1s;
constexpr auto owing_max = 5s;  // as when the work is done here
constexpr int patience_with_us = 3;

/// What a watch has brought, until somebody looks at it.
struct Inbox {
  std::deque<Server::News> news;
  std::optional<Error> error;
};

awaitable<void> listen(Server::Watch& watch, Inbox& inbox, Event& event) {
  for (bool end = false; !end;) {
    auto news = co_await watch.next();
    if (!news) {
      inbox.error = news.error();
      end = true;
    } else {
      end = news->end;
      inbox.news.push_back(std::move(*news));
    }
    event.notify();
  }
}

/// One run on its way from the server to a person.
class Follower {
 public:
  Follower(Session& session, RunView run, bool fresh, RemoteInterrupts& interrupts, Progress& progress, Event& event)
      : session_(session),
        followed_{.run = std::move(run), .detached = false, .tasks = {}},
        fresh_(fresh),
        interrupts_(interrupts),
        progress_(progress),
        event_(event) {}

  awaitable<Result<Followed>> follow(Inbox& inbox) {
    auto& runtime = session_.house.runtime();
    for (;;) {
      const auto obeyed = co_await obey();
      if (!obeyed) co_return fail(obeyed.error());
      if (followed_.detached) co_return std::move(followed_);
      const bool told = take(inbox);
      if (!told && shown_) progress_.show({}, runtime.wall());
      if (is_over(runtime.steady())) co_return std::move(followed_);
      if (inbox.error) co_return fail(std::move(*inbox.error));
      if (followed_.run.record.held && interrupts_.count() == 0) co_return fail(held());
      const bool notified = co_await event_.wait_for(look_at_least);
      static_cast<void>(notified);
    }
  }

 private:
  /// Does what a person has asked for.
  awaitable<Result<void>> obey() {
    if (interrupts_.count() == heard_) co_return Result<void>{};
    heard_ = interrupts_.count();
    if (!interrupts_.cancels()) {
      followed_.detached = true;
      co_return Result<void>{};
    }
    const bool hard = heard_ > 1;
    session_.terminal.talk(hard ? "asked again: TERM, and after its grace KILL ends a job\n"
                                : "stopping: waiting for the jobs to end\n");
    auto stopped = co_await session_.server->stop(followed_.run.key, hard);
    co_return stopped;
  }

  /// True: there was something of tasks.
  bool take(Inbox& inbox) {
    std::vector<TaskView> changed;
    for (auto& news : std::exchange(inbox.news, {})) {
      if (news.run) followed_.run = std::move(*news.run);
      ended_ = ended_ || news.end;
      for (auto& task : news.tasks) {
        changed.push_back(task);
        followed_.tasks.insert_or_assign(task.node, std::move(task));
      }
      for (const auto& [node, progress] : news.progress) {
        const auto known = followed_.tasks.find(node);
        if (known == followed_.tasks.end()) continue;
        known->second.progress = progress;
        changed.push_back(known->second);
      }
    }
    if (changed.empty()) return false;
    const auto now = session_.house.runtime().wall();
    if (!shown_ && fresh_) progress_.show(as_begun(changed), now);
    shown_ = true;
    progress_.show(changed, now);
    return true;
  }

  /// The same tasks before anything has become of them.
  static std::vector<TaskView> as_begun(const std::vector<TaskView>& tasks) {
    std::vector<TaskView> begun;
    for (const auto& task : tasks) {
      begun.push_back({.node = task.node, .record = {}, .progress = {}});
      begun.back().record.task = task.record.task;
    }
    return begun;
  }

  bool is_over(core::Duration now) {
    if (ended_) return true;
    if (!core::is_final(followed_.run.record.result)) return false;
    if (!final_since_) final_since_ = now;
    return now - *final_since_ > owing_max;
  }

  [[nodiscard]] Error held() const {
    return {.code = "run.held",
            .what = number_of(followed_.run.key) + " is held: its passes failed again and again",
            .where = followed_.run.last_failure,
            .way_out = "`baton quarantine release " + core::to_text(followed_.run.key) +
                       "` lets it go on, `baton cancel` stops what still runs of it"};
  }

  Session& session_;
  Followed followed_;
  bool fresh_, shown_ = false, ended_ = false;
  RemoteInterrupts& interrupts_;
  Progress& progress_;
  Event& event_;
  std::optional<core::Duration> final_since_;
  int heard_ = 0;
};

}  // namespace

RemoteInterrupts::RemoteInterrupts(Session& session) : session_(session), cancels_(session.options.cancel_on_interrupt) {
  session_.house.on_interrupt([this] {
    ++count_;
    const bool heard = event_ != nullptr && count_ < patience_with_us;
    if (!heard && (!cancels_ || count_ > 1)) {
      session_.terminal.talk("detached: what was asked for may go on at the server\n  how it stands: " +
                             command_line(session_, "status") + "\n  to cancel it:  " + command_line(session_, "cancel") + "\n");
      session_.house.leave(static_cast<int>(ExitCode::detached));
    }
    if (event_ != nullptr) event_->notify();
  });
}

awaitable<Result<Followed>> follow_at_server(Session& session, RunView run, bool fresh, RemoteInterrupts& interrupts,
                                             Progress& progress) {
  const auto event = session.house.runtime().event();
  const auto gate = session.house.runtime().gate();
  const auto watch = session.server->watch(run.key);
  Inbox inbox;
  gate->spawn(listen(*watch, inbox, *event));
  interrupts.following(event.get());
  Follower follower(session, std::move(run), fresh, interrupts, progress, *event);
  auto followed = co_await follower.follow(inbox);
  interrupts.following(nullptr);
  watch->close();
  co_await gate->empty();
  co_return followed;
}

std::string detached_text(const Session& session, const RunView& run) {
  return "detached: " + number_of(run.key) + " goes on at the server\n  to come back:  the same command again, or " +
         command_line(session, "status") + "\n  to cancel it:  " + command_line(session, "cancel") + "\n";
}

}  // namespace baton::cli
