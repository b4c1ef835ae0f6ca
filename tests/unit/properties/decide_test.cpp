// Random graphs, random jobs, random orders of events: what holds for all of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <ranges>
#include <set>

#include "core/decide.hpp"
#include "support/rows.hpp"
#include "support/seed.hpp"

namespace baton::core {
namespace {

using namespace std::chrono_literals;
using Random = std::mt19937_64;

bool chance(Random& random, unsigned percent) { return random() % 100 < percent; }

std::shared_ptr<RunDefinition> any_run(Random& random) {
  const auto count = 1 + random() % 12;
  std::vector<std::vector<Index>> before(count);
  for (Index i = 1; i < count; ++i)
    for (Index b = 0; b < i; ++b)
      if (chance(random, 25)) before[i].push_back(b);
  auto definition = test::run_of(before);
  definition->keep_going = chance(random, 50);
  for (Index i = 0; i < count; ++i) {
    auto& step = test::step_of(*definition, i);
    step.retries.max = static_cast<std::int32_t>(random() % 3);
    step.retries.lost = static_cast<std::int32_t>(random() % 2);
    if (chance(random, 30)) step.retries.backoff = std::chrono::seconds(random() % 20);
    if (chance(random, 20)) step.limits.waiting = std::chrono::seconds(1 + random() % 60);
    auto& task = definition->tasks[i];
    if (!before[i].empty() && chance(random, 40)) {
      auto previous = std::make_shared<Success>();
      previous->key = task.key;
      for (auto& [port, digest] : previous->key.inputs) digest = sha256(chance(random, 70) ? "1" : "2");
      previous->products = {{"v", Value{"1"}}};
      task.previous = previous;
      task.may_cut_off = true;
    }
  }
  return definition;
}

/// A backend that keeps the promises of R15 and no others: jobs begin at most once, end when they like, and may be forgotten or die.
class Jobs {
 public:
  explicit Jobs(Random& random) : random_(random) {}
  enum class Key { absent, queued, running, done, erred };
  struct Job {
    Key key = Key::absent;
    bool claimed = false, barred = false, dead = false, released = false;
    TaskRecord task;
  };

  void act(const Decision& decision, const test::Rows& rows) {
    for (const auto& job : decision.submit) {
      auto& known = jobs_[job.id];
      if (!known.claimed && !known.barred) known.key = Key::queued;
    }
    for (const auto& record : decision.tasks)
      if (record.job) jobs_[*record.job].task = rows.task(record.task);
    for (const auto& job : decision.bar) {
      auto& known = jobs_[job];
      known.released = false;
      if (known.claimed) continue;
      known.barred = true;
      known.key = Key::absent;
    }
    for (const auto& kill : decision.cancel) {
      auto& known = jobs_[kill.job];
      if (!known.claimed) known.barred = true;
      if (known.key == Key::running && chance(random_, 60)) known.key = Key::erred;
      if (known.key == Key::queued) known.key = Key::absent;
    }
    for (const auto& job : decision.release) {
      jobs_[job].key = Key::absent;
      jobs_[job].released = true;
    }
  }
  /// One random thing happens to each job, or nothing.
  void move(std::set<JobId>& begun) {
    for (auto& [id, job] : jobs_) {
      if (job.key == Key::queued && chance(random_, 50)) {
        job.key = Key::running;
        job.claimed = true;
        EXPECT_TRUE(begun.insert(id).second) << "begun twice: " << id.value();
      } else if (job.key == Key::running && chance(random_, 50)) {
        job.key = chance(random_, 75) ? Key::done : Key::erred;
      } else if (job.key == Key::running && chance(random_, 5)) {
        job.key = Key::absent;  // its worker died
        job.dead = true;
      } else if (job.key == Key::queued && chance(random_, 5)) {
        job.key = Key::absent;  // forgotten before it began
      }
    }
  }
  Observation look(const TaskRecord& task, const JobId& id) {
    if (chance(random_, 10)) return {.job = id, .seen = Seen::silent};
    auto& job = jobs_[id];
    switch (job.key) {
      case Key::queued: return {.job = id, .seen = chance(random_, 10) ? Seen::lacking : Seen::queued};
      case Key::running: return {.job = id, .seen = chance(random_, 5) ? Seen::begun : Seen::running};
      case Key::done: {
        if (chance(random_, 20)) return {.job = id, .seen = Seen::finished};
        auto seen = test::done(task, chance(random_, 70) ? "1" : "3");
        seen.job = id;
        return seen;
      }
      case Key::erred: {
        auto seen = test::erred(task);
        seen.job = id;
        return seen;
      }
      case Key::absent: break;
    }
    if (job.released) return {.job = id, .seen = Seen::unknown};
    if (job.barred) return {.job = id, .seen = Seen::barred};
    if (job.dead) return {.job = id, .seen = Seen::dead};
    return {.job = id, .seen = Seen::unknown};
  }

 private:
  Random& random_;
  std::map<JobId, Job> jobs_;
};

std::string to_text(const Decision& decision) {
  std::string text = std::string(to_text(decision.result)) + ":";
  for (const auto& record : decision.tasks)
    text += " " + std::to_string(record.task) + "=" + std::string(to_text(record.state)) + "#" + std::to_string(record.attempt);
  for (const auto& job : decision.submit) text += " submit " + job.id.value();
  for (const auto& job : decision.bar) text += " bar " + job.value();
  for (const auto& kill : decision.cancel) text += " cancel " + kill.job.value();
  for (const auto& job : decision.release) text += " release " + job.value();
  for (const auto& job : decision.settle) text += " settle " + job.value();
  text += decision.wake_at ? " wake " + std::to_string(decision.wake_at->time_since_epoch().count()) : "";
  return text;
}

/// A random life of a random run, to its end; each pass is checked.
void live(std::uint64_t seed) {
  Random random(seed);
  const auto definition = any_run(random);
  test::Rows rows(definition);
  Jobs jobs(random);
  std::set<JobId> begun;
  // Two replicas, each with a Run that it knows to another fence, and forgets now and then.
  struct Replica {
    Run kept;
    Fence known = Fence::none();
  };
  std::array<Replica, 2> replicas;
  Policy policy;
  Instant now{std::chrono::hours(1000)};
  const bool cancelled = chance(random, 30);
  const auto cancel_at = random() % 12;

  for (std::size_t round = 0; round < 2000; ++round) {
    now += std::chrono::milliseconds(random() % 5000);
    if (cancelled && round == cancel_at && !is_final(rows.record().result)) rows.desire(Desire::cancel, now);
    policy.room = static_cast<std::uint32_t>(random() % 5);
    auto& replica = replicas[random() % replicas.size()];
    if (chance(random, 5)) replica = {};
    auto& [kept, known] = replica;
    const auto ticket = rows.begin(known, now);
    kept.apply(ticket);
    known = Fence(ticket.fence.value() - 1);
    Run fresh;
    fresh.apply(rows.begin(Fence::none(), now));
    known = Fence(known.value() + 1);  // begin was called twice: the second pass is the one that commits

    std::vector<Observation> news;
    for (const auto i : kept.live()) news.push_back(jobs.look(kept.task(i), *kept.task(i).job));
    for (const auto& [job, owed] : kept.owed()) news.push_back(jobs.look(kept.task(owed.task), job));

    const auto decision = decide(kept, news, policy, now);
    ASSERT_EQ(to_text(decide(kept, news, policy, now)), to_text(decision)) << "equal arguments, other decision";
    ASSERT_EQ(to_text(decide(fresh, news, policy, now)), to_text(decision)) << "a Run from scratch decides otherwise";
    auto shuffled = news;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    ASSERT_EQ(to_text(decide(kept, shuffled, policy, now)), to_text(decision)) << "the order of the answers matters";

    for (const auto& job : decision.submit)
      for (const auto before : kept.dag().predecessors[*std::ranges::find_if(
               std::views::iota(Index{0}, kept.size()), [&](Index i) { return kept.definition_of(i).node.id == job.node; })]) {
        const auto changed = std::ranges::find(decision.tasks, before, &TaskRecord::task);
        const auto& record = changed == decision.tasks.end() ? kept.task(before) : *changed;
        ASSERT_EQ(record.state, State::success) << job.node.value() << " before its predecessor's SUCCESS";
      }
    for (const auto& record : decision.tasks) {
      ASSERT_FALSE(is_final(kept.task(record.task).state)) << "a final state changed";
      ASSERT_TRUE(!is_live(record.state) || record.job.has_value());
      ASSERT_TRUE(record.state != State::success || record.success != nullptr);
    }
    rows.commit(decision);
    const bool open = !is_final(decision.result) || rows.owes();
    Run applied;
    applied.apply(rows.begin(Fence::none(), now));
    // What pushes is a live job that the backend has answered for; all else needs its time (R16).
    const bool will_push = std::ranges::any_of(applied.live(), [&](Index i) { return applied.task(i).seen; });
    ASSERT_TRUE(!open || decision.wake_at || will_push) << "an open run without a next event: " << to_text(decision);
    Policy full = policy;
    const auto handed_over = static_cast<std::uint32_t>(decision.submit.size());
    full.room = policy.room > handed_over ? policy.room - handed_over : 0;
    const auto again = decide(applied, news, full, now);
    const auto both = to_text(decision) + " then " + to_text(again);
    for (const auto& job : again.submit)
      ASSERT_TRUE(std::ranges::any_of(decision.submit, [&](const Job& first) { return first.id == job.id; }))
          << "the same input asks for something new: " << both;
    ASSERT_TRUE(again.attempts.empty()) << "the same input ends or begins an attempt: " << both;
    for (const auto& record : again.tasks)
      ASSERT_EQ(record.state, applied.task(record.task).state) << "the same input changes a state: " << both;
    for (const auto& job : again.bar)
      ASSERT_TRUE(std::ranges::find(decision.bar, job) != decision.bar.end()) << "the same input bars another: " << both;

    jobs.act(decision, rows);
    jobs.move(begun);
    if (is_final(decision.result) && !rows.owes()) {
      ASSERT_FALSE(decision.wake_at.has_value());
      return;
    }
  }
  FAIL() << "the run did not end";
}

TEST(Decide, any_run_ends_under_any_order_of_events) {
  const auto seed = test::seed();
  const int cases = test::cases(10'000);
  for (int i = 0; i < cases; ++i) {
    SCOPED_TRACE("replay: BATON_CASES=1 BATON_SEED=" + std::to_string(seed + static_cast<std::uint64_t>(i)));
    live(seed + static_cast<std::uint64_t>(i));
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace baton::core
