#include "ports.hpp"

#include <algorithm>
#include <utility>

namespace baton::simulation {
namespace {

Error away(std::string_view whose) {
  return {.code = std::string(whose) + ".unavailable", .what = "no answer", .where = {}, .way_out = {}};
}

core::Duration some_time(World& world) { return core::Duration(world.below(world.one_in(3) ? 20'000'000 : 100'000)); }

template <class T>
awaitable<void> happen_later(Wire& wire, core::Duration after, std::function<awaitable<Result<T>>()> effect,
                             std::function<void(const Result<T>&, bool told)> shows) {
  const auto store = wire.stores;
  co_await wire.world.sleep(after);
  if (wire.stores != store) co_return;
  const auto answer = co_await effect();
  if (shows) shows(answer, false);
}

std::string names(const std::vector<JobId>& jobs) {
  std::string text;
  for (const auto& job : jobs) {
    const auto& id = job.value();
    const auto node = id.find("nodeid_");
    const auto uuid = id.find(":uuid_");
    text += ' ' + (node == std::string::npos ? id : id.substr(node + 7, uuid - node - 7) + '/' + id.substr(uuid + 6, 4));
  }
  return text;
}
std::vector<JobId> ids(const std::vector<core::Job>& jobs) {
  std::vector<JobId> all;
  for (const auto& job : jobs) all.push_back(job.id);
  return all;
}

std::string tell(const Error& error) { return error.code + (error.where.empty() ? "" : " (" + error.where + ")"); }
std::string tell(const core::RunKey& key) { return core::to_text(key); }
std::string tell(const Woken& woken) { return woken.publish ? "marked, to be published" : "marked"; }
std::string tell(const core::Ticket& ticket) { return "fence " + std::to_string(ticket.fence.value()); }
std::string tell(const Committed& committed) {
  return std::string(committed.woken ? "written, woken" : "written") + (committed.open ? "" : ", not open any more");
}
std::string tell(const std::vector<core::RunKey>& runs) {
  std::string text = "[";
  for (const auto& run : runs) text += ' ' + core::to_text(run);
  return text + " ]";
}
template <class T>
std::string tell(const T&) {
  return "ok";
}
template <class T>
std::string tell(const Result<T>& answer) {
  return answer ? tell(*answer) : tell(answer.error());
}
template <>
std::string tell(const Result<void>& answer) {
  return answer ? "ok" : tell(answer.error());
}

std::string tell(const core::Decision& decision) {
  std::string text;
  for (const auto& task : decision.tasks)
    text += " #" + std::to_string(task.task) + '=' + std::string(core::to_text(task.state)) +
            (task.attempt > 1 ? "/" + std::to_string(task.attempt) : "");
  text += decision.settle.empty() ? "" : " settle" + names(decision.settle);
  return text + (decision.wake_at ? " wake_at" : "") + " -> " + std::string(core::to_text(decision.result));
}
std::string tell(const core::Observation& observation) {
  return names({observation.job}) + '=' + std::string(core::to_text(observation.seen));
}

}  // namespace

// ---- store ----------------------------------------------------------------------------------------------------------------------

template <class T>
awaitable<Result<T>> SimulatedStore::ask(Call call, std::string about, std::function<awaitable<Result<T>>()> effect,
                                         std::function<void(const Result<T>&, bool told)> shows) {
  const auto fault = co_await seat_.before(call);
  if (fault == Fault::refused) co_return fail(away("store"));
  if (fault == Fault::late) {
    wire_.world.spawn(wire_.who, happen_later<T>(wire_, some_time(wire_.world), std::move(effect), std::move(shows)));
    co_return fail(away("store"));
  }
  auto answer = co_await effect();
  if (shows) shows(answer, fault != Fault::answer_lost);
  if (seat_.telling()) seat_.say(std::string(to_text(call)) + ' ' + about + ": " + tell(answer));
  co_await seat_.after(call);
  if (fault == Fault::answer_lost) co_return fail(away("store"));
  co_return answer;
}

awaitable<Result<core::RunKey>> SimulatedStore::create_run(NewRun run) {
  auto project = run.project.value();
  return ask<core::RunKey>(
      Call::create_run, std::move(project), [&inner = inner_, run = std::move(run)] { return inner.create_run(run); },
      [&truth = truth_](const Result<core::RunKey>& key, bool) { truth.created(key); });
}
awaitable<Result<Woken>> SimulatedStore::wake(core::RunKey run, std::vector<JobId> jobs) {
  const auto until = truth_.pushes_so_far();
  auto about = seat_.telling() ? core::to_text(run) + names(jobs) : std::string();
  return ask<Woken>(
      Call::wake, std::move(about), [&inner = inner_, run, jobs = std::move(jobs)] { return inner.wake(run, jobs); },
      [&truth = truth_, who = who_, run, until](const Result<Woken>& woken, bool told) {
        truth.woke(who, run, until);
        if (woken && woken->publish) truth.must_publish(who, run, told);
      });
}
awaitable<Result<Woken>> SimulatedStore::desire(core::RunKey run, core::Desire desire) {
  return ask<Woken>(
      Call::desire, core::to_text(run) + ' ' + std::string(core::to_text(desire)),
      [&inner = inner_, run, desire] { return inner.desire(run, desire); },
      [&truth = truth_, who = who_, &fibers = seat_.fibers(), run](const Result<Woken>& woken, bool told) {
        if (woken && woken->publish) truth.must_publish(who, run, told);
        truth.doubt(run);
        fibers.cancelled(run);
      });
}
awaitable<Result<core::Ticket>> SimulatedStore::begin_pass(BeginPass pass) {
  auto about = seat_.telling() ? core::to_text(pass.run) + " knowing " + std::to_string(pass.known.value()) : std::string();
  return ask<core::Ticket>(
      Call::begin_pass, std::move(about), [&inner = inner_, pass] { return inner.begin_pass(pass); },
      [&truth = truth_, pass](const Result<core::Ticket>& ticket, bool) { truth.began(pass, ticket); });
}
awaitable<Result<Committed>> SimulatedStore::commit(core::Ticket ticket, core::Decision decision) {
  auto about = seat_.telling() ? "fence " + std::to_string(ticket.fence.value()) + tell(decision) : std::string();
  const auto both = std::make_shared<const std::pair<core::Ticket, core::Decision>>(std::move(ticket), std::move(decision));
  return ask<Committed>(
      Call::commit, std::move(about), [&inner = inner_, both] { return inner.commit(both->first, both->second); },
      [&truth = truth_, who = who_, both](const Result<Committed>& answer, bool told) {
        truth.committed(both->first, both->second, answer);
        if (answer) truth.announced(answer->messages);
        // Who is told that it was woken looks again, and publishes if that is not enough. Who is not hands its message back; but that one may
        // be settled before a late commit, by one that was told to back off, and wake_at is overwritten.
        if (answer && answer->woken) truth.must_publish(who, both->first.run, told);
      });
}
awaitable<Result<void>> SimulatedStore::write_progress(std::vector<ProgressWrite> writes) {
  return ask<void>(Call::progress, {}, [&inner = inner_, writes = std::move(writes)] { return inner.write_progress(writes); },
                   {});
}
awaitable<Result<std::vector<core::RunKey>>> SimulatedStore::due(DuePolicy policy, std::size_t max) {
  return ask<std::vector<core::RunKey>>(
      Call::due, {}, [&inner = inner_, policy, max] { return inner.due(policy, max); }, found_marked());
}
std::function<void(const Result<std::vector<core::RunKey>>&, bool)> SimulatedStore::found_marked() {
  return [&truth = truth_, who = who_](const Result<std::vector<core::RunKey>>& found, bool told) {
    if (!found) return;
    for (const auto& run : *found) truth.must_publish(who, run, told);
  };
}
awaitable<Result<void>> SimulatedStore::join(ReplicaId replica) {
  return ask<void>(Call::join, replica.value(), [&inner = inner_, replica] { return inner.join(replica); }, {});
}
awaitable<Result<std::vector<core::RunKey>>> SimulatedStore::orphans(std::size_t max) {
  return ask<std::vector<core::RunKey>>(Call::orphans, {}, [&inner = inner_, max] { return inner.orphans(max); }, found_marked());
}
awaitable<Result<bool>> SimulatedStore::is_gone(ReplicaId replica) {
  return ask<bool>(Call::is_gone, replica.value(), [&inner = inner_, replica] { return inner.is_gone(replica); }, {});
}
awaitable<Result<Crowd>> SimulatedStore::crowd() {
  return ask<Crowd>(Call::crowd, {}, [&inner = inner_] { return inner.crowd(); }, {});
}
awaitable<Result<std::vector<core::RunKey>>> SimulatedStore::give_turns(UserId user, std::uint32_t waiting_max) {
  return ask<std::vector<core::RunKey>>(
      Call::turns, std::to_string(user.value()),
      [&inner = inner_, user, waiting_max] { return inner.give_turns(user, waiting_max); }, found_marked());
}
awaitable<Result<Woken>> SimulatedStore::release_held(core::RunKey run) {
  return ask<Woken>(
      Call::desire, core::to_text(run) + " let go", [&inner = inner_, run] { return inner.release_held(run); },
      [&truth = truth_, who = who_, run](const Result<Woken>& woken, bool told) {
        if (woken && woken->publish) truth.must_publish(who, run, told);
        truth.doubt(run);
      });
}
awaitable<Result<std::vector<Outgoing>>> SimulatedStore::outbox(core::Duration age, std::size_t max) {
  return ask<std::vector<Outgoing>>(Call::outbox, {}, [&inner = inner_, age, max] { return inner.outbox(age, max); }, {});
}
awaitable<Result<void>> SimulatedStore::told(std::vector<MessageId> messages) {
  return ask<void>(
      Call::told, {}, [&inner = inner_, messages] { return inner.told(messages); },
      [&truth = truth_, messages](const Result<void>& answer, bool) {
        if (answer) truth.removed(messages);
      });
}
awaitable<Result<std::vector<RunView>>> SimulatedStore::runs(ProjectId project, std::size_t max) {
  return ask<std::vector<RunView>>(Call::read, project.value(),
                                   [&inner = inner_, project, max] { return inner.runs(project, max); }, {});
}
awaitable<Result<RunView>> SimulatedStore::run(core::RunKey run) {
  return ask<RunView>(Call::read, core::to_text(run), [&inner = inner_, run] { return inner.run(run); }, {});
}
awaitable<Result<std::vector<TaskView>>> SimulatedStore::tasks(core::RunKey run, Fence since) {
  return ask<std::vector<TaskView>>(Call::read, core::to_text(run),
                                    [&inner = inner_, run, since] { return inner.tasks(run, since); }, {});
}
awaitable<Result<std::vector<core::AttemptRecord>>> SimulatedStore::attempts(core::RunKey run, std::optional<NodeId> node) {
  return ask<std::vector<core::AttemptRecord>>(Call::read, core::to_text(run),
                                               [&inner = inner_, run, node] { return inner.attempts(run, node); }, {});
}
awaitable<Result<std::shared_ptr<const core::RunDefinition>>> SimulatedStore::definition(core::RunKey run) {
  return ask<std::shared_ptr<const core::RunDefinition>>(Call::read, core::to_text(run),
                                                         [&inner = inner_, run] { return inner.definition(run); }, {});
}
awaitable<Result<std::vector<NodeView>>> SimulatedStore::nodes(ProjectId project) {
  return ask<std::vector<NodeView>>(Call::read, project.value(), [&inner = inner_, project] { return inner.nodes(project); }, {});
}

// ---- queue ----------------------------------------------------------------------------------------------------------------------

namespace {
awaitable<void> publish_later(Wire& wire, core::Duration after, std::vector<core::RunKey> runs) {
  co_await wire.world.sleep(after);
  wire.truth.flies(runs, -1);
  const auto published = co_await wire.queue.publish(std::move(runs));
  static_cast<void>(published);
}
}  // namespace

awaitable<Result<void>> SimulatedQueue::publish(std::vector<core::RunKey> runs) {
  const auto fault = co_await seat_.before(Call::publish);
  if (fault == Fault::refused) {
    for (const auto& run : runs) truth_.published(run, false);
    co_return fail(away("queue"));
  }
  if (seat_.telling()) seat_.say("publish " + tell(runs));
  auto arriving = runs;
  if (fault == Fault::message_doubled) arriving.insert(arriving.end(), runs.begin(), runs.end());
  if (fault == Fault::message_late) {
    truth_.flies(arriving, 1);
    wire_.world.spawn(wire_.who, publish_later(wire_, some_time(wire_.world), std::move(arriving)));
  } else if (fault != Fault::message_lost) {
    const auto published = co_await inner_.publish(std::move(arriving));
    if (!published) co_return published;
  }
  for (const auto& run : runs) truth_.published(run, fault != Fault::message_lost);
  co_await seat_.after(Call::publish);
  if (fault == Fault::answer_lost) co_return fail(away("queue"));
  co_return Result<void>();
}

awaitable<Result<Delivery>> SimulatedQueue::receive() {
  seat_.fiber().visiting.reset();
  const auto fault = co_await seat_.before(Call::receive);
  static_cast<void>(fault);
  auto delivery = co_await inner_.receive();
  if (!delivery) co_return delivery;
  seat_.fiber().visiting = delivery->run;
  if (seat_.telling()) seat_.say("receives " + core::to_text(delivery->run));
  co_await seat_.after(Call::receive);
  co_return delivery;
}

awaitable<void> SimulatedQueue::ack(Delivery delivery) {
  const auto fault = co_await seat_.before(Call::ack);
  const auto run = delivery.run;
  if (fault == Fault::refused) inner_.lose_channel();  // what was not acknowledged comes again
  co_await inner_.ack(delivery);
  if (seat_.telling()) seat_.say("ack " + core::to_text(run));
  truth_.doubt(run);
  co_await seat_.after(Call::ack);
}

awaitable<void> SimulatedQueue::requeue(Delivery delivery, core::Duration after) {
  const auto fault = co_await seat_.before(Call::requeue);
  if (fault == Fault::refused) inner_.lose_channel();
  const auto run = delivery.run;
  co_await inner_.requeue(delivery, after);
  if (seat_.telling()) seat_.say("hands back " + core::to_text(run));
  co_await seat_.after(Call::requeue);
}

// ---- events ---------------------------------------------------------------------------------------------------------------------

awaitable<Result<void>> SimulatedEvents::publish(std::vector<Outgoing> messages) {
  const auto fault = co_await seat_.before(Call::tell);
  if (fault == Fault::refused) co_return fail(away("events"));
  for (const auto& message : messages) truth_.heard(message);
  if (seat_.telling()) seat_.say("tells " + std::to_string(messages.size()) + " messages");
  co_await seat_.after(Call::tell);
  if (fault == Fault::answer_lost) co_return fail(away("events"));
  co_return Result<void>();
}

// ---- lock -----------------------------------------------------------------------------------------------------------------------

awaitable<Result<Lease>> SimulatedLock::acquire(std::string name, core::Duration life) {
  const auto fault = co_await seat_.before(Call::acquire);
  if (away_ || fault == Fault::refused) co_return fail(away("lock"));
  auto lease = co_await inner_.acquire(name, life);
  if (seat_.telling()) seat_.say("acquire " + name.substr(name.rfind("-") + 1) + ": " + tell(lease));
  co_await seat_.after(Call::acquire);
  if (fault == Fault::answer_lost || fault == Fault::late) co_return fail(away("lock"));
  co_return lease;
}

awaitable<Result<Lease>> SimulatedLock::renew(Lease lease, core::Duration life) {
  const auto fault = co_await seat_.before(Call::renew);
  if (fault == Fault::refused) co_return fail(away("lock"));
  auto renewed = co_await inner_.renew(lease, life);
  if (seat_.telling()) seat_.say("renew: " + tell(renewed));
  co_await seat_.after(Call::renew);
  if (fault == Fault::answer_lost) co_return fail(away("lock"));
  co_return renewed;
}

awaitable<void> SimulatedLock::release(Lease lease) {
  const auto fault = co_await seat_.before(Call::unlock);
  if (fault == Fault::refused) co_return;  // it stays until its life is over
  co_await inner_.release(std::move(lease));
  co_await seat_.after(Call::unlock);
}

awaitable<void> SimulatedLock::until_free(std::string name, core::Duration at_most) {
  const auto fault = co_await seat_.before(Call::until_free);
  static_cast<void>(fault);
  co_await inner_.until_free(std::move(name), at_most);
  co_await seat_.after(Call::until_free);
}

// ---- backend --------------------------------------------------------------------------------------------------------------------

namespace {

// Its sender is told what comes of it if it still lives.
awaitable<void> arrive_later(Wire& wire, World::Who sender, core::Duration after,
                             std::function<awaitable<Result<void>>(Backend&)> act) {
  co_await wire.world.sleep(after);
  if (const auto client = wire.clients.find(sender); client != wire.clients.end()) {
    const auto done = co_await act(*client->second);
    static_cast<void>(done);
    co_return;
  }
  MemoryBackend nobody(wire.cluster, wire.runtime);
  const auto done = co_await act(nobody);
  static_cast<void>(done);
}

template <class T>
std::vector<T> first_half(const std::vector<T>& all) {
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2)};
}

}  // namespace

awaitable<Result<void>> SimulatedBackend::act(Call call, core::RunKey run, std::string about, Act whole, Act half) {
  const auto fault = co_await seat_.before(call);
  if (seat_.telling()) seat_.say(std::string(to_text(call)) + about);
  if (fault == Fault::refused) co_return fail(away("backend"));
  if (fault == Fault::late) {
    wire_.world.spawn(wire_.who, arrive_later(wire_, who_, some_time(wire_.world), std::move(whole)));
    co_return fail(away("backend"));
  }
  if (fault == Fault::partly) {
    const auto some = co_await half(inner_);
    static_cast<void>(some);
    co_return fail(away("backend"));
  }
  auto done = co_await whole(inner_);
  truth_.doubt(run);
  if (fault == Fault::doubled) wire_.world.spawn(wire_.who, arrive_later(wire_, who_, some_time(wire_.world), std::move(whole)));
  co_await seat_.after(call);
  if (fault == Fault::answer_lost) co_return fail(away("backend"));
  co_return done;
}

awaitable<Result<void>> SimulatedBackend::submit(std::vector<core::Job> jobs) {
  const auto run = jobs.front().run;
  auto& sent = wire_.sent[run];
  sent.insert(sent.end(), jobs.begin(), jobs.end());
  auto about = seat_.telling() ? names(ids(jobs)) : std::string();
  auto half = first_half(jobs);
  return act(
      Call::submit, run, std::move(about), [jobs = std::move(jobs)](Backend& to) { return to.submit(jobs); },
      [half = std::move(half)](Backend& to) { return to.submit(half); });
}
awaitable<Result<void>> SimulatedBackend::bar(core::RunKey run, std::vector<JobId> jobs) {
  auto about = seat_.telling() ? names(jobs) : std::string();
  auto half = first_half(jobs);
  return act(
      Call::bar, run, std::move(about), [run, jobs = std::move(jobs)](Backend& to) { return to.bar(run, jobs); },
      [run, half = std::move(half)](Backend& to) { return to.bar(run, half); });
}
awaitable<Result<void>> SimulatedBackend::cancel(core::RunKey run, std::vector<core::Kill> jobs) {
  std::string about;
  if (seat_.telling())
    for (const auto& kill : jobs) about += names({kill.job}) + (kill.hard ? "!" : "");
  auto half = first_half(jobs);
  return act(
      Call::cancel, run, std::move(about), [run, jobs = std::move(jobs)](Backend& to) { return to.cancel(run, jobs); },
      [run, half = std::move(half)](Backend& to) { return to.cancel(run, half); });
}
awaitable<Result<void>> SimulatedBackend::release(core::RunKey run, std::vector<JobId> jobs) {
  auto about = seat_.telling() ? names(jobs) : std::string();
  auto half = first_half(jobs);
  return act(
      Call::release, run, std::move(about), [run, jobs = std::move(jobs)](Backend& to) { return to.release(run, jobs); },
      [run, half = std::move(half)](Backend& to) { return to.release(run, half); });
}

awaitable<Observed> SimulatedBackend::observe(core::RunKey run, std::vector<JobId> ask, Cursor after) {
  const auto fault = co_await seat_.before(Call::observe);
  Observed observed{.news = {}, .cursor = after};
  if (fault == Fault::silent) {  // what it was told before, it knows all the same
    observed = co_await inner_.observe(run, {}, after);
    for (const auto& job : ask)
      if (std::ranges::find(observed.news, job, &core::Observation::job) == observed.news.end())
        observed.news.push_back({.job = job, .seen = core::Seen::silent, .started = {}, .log = {}, .end = {}});
  } else {
    observed = co_await inner_.observe(run, std::move(ask), after);
  }
  if (seat_.telling()) {
    std::string text = "observe " + core::to_text(run) + ':';
    for (const auto& observation : observed.news) text += tell(observation);
    seat_.say(text);
  }
  co_await seat_.after(Call::observe);
  co_return observed;
}

void SimulatedBackend::unfollow(const core::RunKey& run, const std::vector<JobId>& jobs) {
  if (seat_.telling()) seat_.say("lets go of" + names(jobs));
  inner_.unfollow(run, jobs);
  truth_.doubt(run);
}

awaitable<Result<std::vector<Push>>> SimulatedBackend::pushes() {
  const auto fault = co_await seat_.before(Call::pushes);
  static_cast<void>(fault);
  auto pushes = co_await inner_.pushes();
  if (!pushes) co_return pushes;
  truth_.pushed(who_, *pushes, false);
  co_await seat_.after(Call::pushes);
  truth_.pushed(who_, *pushes, true);
  co_return pushes;
}

}  // namespace baton::simulation
