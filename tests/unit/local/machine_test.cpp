#include "backend/local/machine.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

namespace baton::local {
namespace {

constexpr std::size_t plenty = 1u << 20;
constexpr Machine::Connection us = 7;

class KeeperMachine : public testing::Test {
 protected:
  KeeperMachine() { hello(2, {}); }
  void hello(std::uint32_t slots, std::map<std::string, double> capacity) {
    machine_.heard(us, Hello{.slots = slots, .capacity = std::move(capacity), .environment = {}}, now_);
  }
  static Spec spec(const std::string& id) {
    return {.id = id, .folder = "/w/" + id, .argv = {"true"}, .grace_us = 1'000, .ticket = "t-" + id};
  }
  static Spec needs(const std::string& id, const std::string& name, double amount) {
    auto job = spec(id);
    job.resources[name] = amount;
    return job;
  }
  void send(std::vector<Spec> jobs, Machine::Connection from = us) { machine_.heard(from, Begin{std::move(jobs)}, now_); }
  void send(const std::string& id) { send(std::vector{spec(id)}); }
  Machine::Out tick(std::int64_t later_us = 0, std::size_t room = plenty) {
    now_.steady_us += later_us;
    now_.wall_us += later_us;
    machine_.tick(now_, room);
    return machine_.take();
  }
  /// Makes processes of all spawns; gives their jobs. The pid is 100 + serial.
  std::vector<std::string> run(Machine::Out out) {
    std::vector<std::string> ids;
    for (auto& spawn : out.spawns) {
      ids.push_back(spawn.job.id);
      pids_[spawn.job.id] = static_cast<std::int32_t>(100 + spawn.serial);
      machine_.spawned(spawn.serial, pids_[spawn.job.id], 5, 6, oom_kills_, now_);
    }
    return ids;
  }
  void exit(const std::string& id, std::int32_t code = 0, std::int32_t signal = 0) {
    machine_.exited(pids_.at(id), code, signal, oom_kills_, now_);
  }
  Report ask(const std::string& id) {
    machine_.heard(us, Query{1, {id}}, now_);
    const auto out = machine_.take();
    for (const auto& [to, answer] : out.answers)
      if (to == us) return answer.reports.at(0);
    ADD_FAILURE() << "no answer";
    return {};
  }
  template <class Kind>
  static std::vector<Kind> records(const Machine::Out& out) {
    std::vector<Kind> found;
    for (const auto& record : out.records)
      if (const auto* one = std::get_if<Kind>(&record)) found.push_back(*one);
    return found;
  }

  Machine machine_;
  Moment now_{.steady_us = 1'000'000, .wall_us = 1'700'000'000'000'000};
  std::map<std::string, std::int32_t> pids_;
  std::uint64_t oom_kills_ = 0;
};

TEST_F(KeeperMachine, a_begin_is_written_with_its_ticket_in_the_answer_that_spawns) {
  send("a");

  const auto out = tick();

  ASSERT_EQ(records<BeginRecord>(out).size(), 1u);
  EXPECT_EQ(records<BeginRecord>(out)[0].id, "a");
  EXPECT_EQ(records<BeginRecord>(out)[0].ticket, "t-a");
  ASSERT_EQ(out.spawns.size(), 1u);
  EXPECT_EQ(out.spawns[0].job, spec("a"));
  EXPECT_EQ(out.spawns[0].connection, us);
}

TEST_F(KeeperMachine, a_job_sent_often_is_begun_once) {
  send("a");
  send("a");
  EXPECT_EQ(run(tick()), std::vector<std::string>{"a"});
  send("a");
  EXPECT_TRUE(tick().spawns.empty());
  exit("a");
  send("a");

  const auto out = tick();

  EXPECT_TRUE(out.spawns.empty());
  ASSERT_FALSE(out.news.empty());
  EXPECT_EQ(out.news.back().status, Status::ended);
}

TEST_F(KeeperMachine, an_end_is_written_before_it_is_told_and_frees_its_slot_for_the_next) {
  send({spec("a"), spec("b"), spec("c")});
  EXPECT_EQ(run(tick()), (std::vector<std::string>{"a", "b"}));
  static_cast<void>(machine_.take());

  exit("a", 3);
  const auto out = tick();

  ASSERT_EQ(records<EndRecord>(out).size(), 1u);
  EXPECT_EQ(records<EndRecord>(out)[0].code, 3);
  ASSERT_EQ(out.news.size(), 1u);
  EXPECT_EQ(out.news[0].status, Status::ended);
  EXPECT_EQ(out.news[0].code, 3);
  EXPECT_EQ(out.news[0].inode, 6u);
  ASSERT_EQ(out.spawns.size(), 1u);
  EXPECT_EQ(out.spawns[0].job.id, "c");
}

TEST_F(KeeperMachine, an_answer_is_as_new_as_the_news_that_go_out_before_it) {
  send("a");
  run(tick());
  static_cast<void>(machine_.take());

  machine_.heard(us, Query{.token = 1, .jobs = {"a"}}, now_);
  exit("a", 3);  // in the same turn; one who did not know the job takes nothing from the news
  const auto out = machine_.take();

  ASSERT_EQ(out.news.size(), 1u);
  EXPECT_EQ(out.news[0].status, Status::ended);
  ASSERT_EQ(out.answers.size(), 1u);
  EXPECT_EQ(out.answers[0].second.reports.at(0).status, Status::ended);
  EXPECT_EQ(out.answers[0].second.reports.at(0).code, 3);
}

TEST_F(KeeperMachine, what_is_barred_never_begins) {
  machine_.heard(us, Bar{{"a"}}, now_);
  EXPECT_EQ(records<BarredRecord>(tick()).size(), 1u);
  send("a");

  EXPECT_TRUE(tick().spawns.empty());
  EXPECT_EQ(ask("a").status, Status::barred);
}

TEST_F(KeeperMachine, a_bar_of_what_runs_says_that_it_runs) {
  send("a");
  run(tick());
  static_cast<void>(machine_.take());

  machine_.heard(us, Bar{{"a"}}, now_);
  const auto out = tick();

  EXPECT_TRUE(out.records.empty());
  EXPECT_TRUE(out.signals.empty());
  ASSERT_EQ(out.news.size(), 1u);
  EXPECT_EQ(out.news[0].status, Status::running);
}

TEST_F(KeeperMachine, a_stop_is_TERM_then_after_the_grace_KILL) {
  send("a");
  run(tick());
  machine_.heard(us, Stop{{{"a", false}}}, now_);
  auto out = tick();
  ASSERT_EQ(out.signals.size(), 1u);
  EXPECT_FALSE(out.signals[0].hard);
  EXPECT_EQ(out.signals[0].pid, pids_["a"]);
  EXPECT_TRUE(tick(999).signals.empty());

  out = tick(1);

  ASSERT_EQ(out.signals.size(), 1u);
  EXPECT_TRUE(out.signals[0].hard);
  exit("a", 137, SIGKILL);
  EXPECT_EQ(ask("a").reason, Reason::cancelled);
  EXPECT_EQ(machine_.next_deadline(), std::nullopt);
}

TEST_F(KeeperMachine, stopping_again_lengthens_no_grace) {
  send("a");
  run(tick());
  machine_.heard(us, Stop{{{"a", false}}}, now_);
  tick(500);
  machine_.heard(us, Stop{{{"a", false}}}, now_);
  EXPECT_TRUE(tick().signals.empty());

  EXPECT_EQ(tick(500).signals.size(), 1u);
}

TEST_F(KeeperMachine, a_hard_stop_is_KILL_at_once) {
  send("a");
  run(tick());
  machine_.heard(us, Stop{{{"a", true}}}, now_);

  const auto out = tick();

  ASSERT_EQ(out.signals.size(), 1u);
  EXPECT_TRUE(out.signals[0].hard);
}

TEST_F(KeeperMachine, a_stop_between_claim_and_process_reaches_the_process) {
  send("a");
  auto out = tick();
  machine_.heard(us, Stop{{{"a", false}}}, now_);

  run(std::move(out));

  EXPECT_EQ(machine_.take().signals.size(), 1u);
}

TEST_F(KeeperMachine, a_stop_of_what_waits_is_a_bar) {
  hello(1, {});
  send({spec("a"), spec("b")});
  run(tick());
  machine_.heard(us, Stop{{{"b", false}}}, now_);

  EXPECT_EQ(records<BarredRecord>(tick()).size(), 1u);
  exit("a");
  EXPECT_TRUE(tick().spawns.empty());
}

TEST_F(KeeperMachine, a_job_that_was_done_before_it_heard_of_the_stop_is_done) {
  send("a");
  run(tick());
  machine_.heard(us, Stop{{{"a", false}}}, now_);
  exit("a", 0);

  EXPECT_EQ(ask("a").reason, Reason::none);
}

TEST_F(KeeperMachine, the_run_limit_counts_from_the_process) {
  auto job = spec("a");
  job.run_us = 10'000;
  send(std::vector{job});
  run(tick());
  static_cast<void>(machine_.take());
  EXPECT_EQ(machine_.next_deadline(), now_.steady_us + 10'000);
  EXPECT_TRUE(tick(9'999).signals.empty());

  EXPECT_EQ(tick(1).signals.size(), 1u);
  exit("a", 143, SIGTERM);
  EXPECT_EQ(ask("a").reason, Reason::timeout);
}

TEST_F(KeeperMachine, the_silence_limit_counts_from_the_last_growth_of_the_log) {
  auto job = spec("a");
  job.silence_us = 800'000;
  send(std::vector{job});
  run(tick());
  std::int64_t waited = 0;
  bool ended = false;
  for (; waited < 3'000'000 && !ended; waited += 20'000) {
    auto out = tick(20'000);
    for (const auto& look : out.looks) {
      EXPECT_EQ(look.log, "/w/a.log");
      machine_.log_size(look.serial, waited < 1'000'000 ? static_cast<std::uint64_t>(waited) : 1'000'000, now_);
    }
    const auto after = machine_.take();
    ended = !after.signals.empty();
  }

  EXPECT_GE(waited, 1'800'000);
  EXPECT_LE(waited, 2'050'000);
  exit("a", 143, SIGTERM);
  EXPECT_EQ(ask("a").reason, Reason::silence);
}

TEST_F(KeeperMachine, a_kill_that_is_not_ours_while_the_kernel_killed_is_oom) {
  send({spec("a"), spec("b")});
  run(tick());
  exit("a", 137, SIGKILL);
  oom_kills_ = 1;
  exit("b", 137, 0);  // a shell tells of its child

  EXPECT_EQ(ask("a").reason, Reason::none);
  EXPECT_EQ(ask("b").reason, Reason::oom);
}

TEST_F(KeeperMachine, a_kill_of_ours_is_no_oom) {
  send("a");
  run(tick());
  machine_.heard(us, Stop{{{"a", true}}}, now_);
  oom_kills_ = 1;
  exit("a", 137, SIGKILL);

  EXPECT_EQ(ask("a").reason, Reason::cancelled);
}

TEST_F(KeeperMachine, resources_are_shared_out_and_given_back) {
  hello(4, {{"license", 2}});
  send({needs("a", "license", 1), needs("b", "license", 1), needs("c", "license", 1), needs("d", "unnamed", 100)});
  EXPECT_EQ(run(tick()), (std::vector<std::string>{"a", "b", "d"}));
  EXPECT_TRUE(tick().spawns.empty());

  exit("a");

  EXPECT_EQ(run(tick()), std::vector<std::string>{"c"});
}

TEST_F(KeeperMachine, a_job_that_asks_for_more_than_there_is_is_lacking_until_there_is_more) {
  hello(2, {{"gpu", 0}});
  send(std::vector{needs("a", "gpu", 1)});
  const auto out = tick();
  EXPECT_TRUE(out.spawns.empty());
  ASSERT_EQ(out.news.size(), 1u);
  EXPECT_EQ(out.news[0].status, Status::lacking);
  send("b");
  EXPECT_EQ(run(tick()), std::vector<std::string>{"b"});

  hello(2, {{"gpu", 1}});

  EXPECT_EQ(run(tick()), std::vector<std::string>{"a"});
}

TEST_F(KeeperMachine, smaller_jobs_pass_a_bigger_one_but_not_for_ever) {
  hello(4, {{"cpu", 2}});
  send({needs("small0", "cpu", 1), needs("big", "cpu", 2)});
  int passed = 0;
  bool begun = false;
  std::string running = run(tick()).at(0);
  for (int i = 1; i < 100 && !begun; ++i) {
    const auto id = "small" + std::to_string(i);
    send(std::vector{needs(id, "cpu", 1)});
    auto ids = run(tick());  // beside the one that runs
    passed += static_cast<int>(ids.size());
    exit(running);
    for (const auto& more : run(tick())) ids.push_back(more);
    begun = std::ranges::find(ids, "big") != ids.end();
    if (!begun && !ids.empty()) running = ids.back();
    if (!begun && ids.empty()) running.clear();
    if (running.empty()) break;
  }
  begun = begun || ask("big").status == Status::running;

  EXPECT_TRUE(begun);
  EXPECT_GT(passed, 0);
  EXPECT_LE(passed, 17);
}

TEST_F(KeeperMachine, what_waits_goes_with_its_connection) {
  hello(1, {});
  send({spec("a"), spec("b")});
  run(tick());

  machine_.disconnected(us);
  exit("a");

  EXPECT_TRUE(tick().spawns.empty());
  EXPECT_EQ(ask("b").status, Status::unknown);
  EXPECT_EQ(ask("a").status, Status::ended);
}

TEST_F(KeeperMachine, what_goes_with_its_connection_is_told_to_the_others) {
  hello(1, {});
  send({spec("a"), spec("b")});
  run(tick());
  tick();

  machine_.disconnected(us);

  const auto out = machine_.take();
  ASSERT_EQ(out.news.size(), 1u);
  EXPECT_EQ(out.news[0].id, "b");
  EXPECT_EQ(out.news[0].status, Status::unknown);
}

TEST_F(KeeperMachine, slots_are_those_of_the_newest_hello) {
  hello(1, {});
  send({spec("a"), spec("b"), spec("c")});
  EXPECT_EQ(run(tick()), std::vector<std::string>{"a"});

  machine_.heard(us + 1, Hello{.slots = 3, .capacity = {}, .environment = {}}, now_);
  EXPECT_EQ(run(tick()), (std::vector<std::string>{"b", "c"}));
  machine_.disconnected(us + 1);
  exit("a");
  send("d");

  EXPECT_EQ(run(tick()), std::vector<std::string>{"d"});
}

TEST_F(KeeperMachine, what_another_connection_sends_as_well_stays) {
  hello(1, {});
  send({spec("a"), spec("b")});
  run(tick());
  send(std::vector{spec("b")}, us + 1);

  machine_.disconnected(us);
  exit("a");

  EXPECT_EQ(run(tick()), std::vector<std::string>{"b"});
}

TEST_F(KeeperMachine, a_released_job_is_unknown_and_begins_no_more) {
  send("a");
  run(tick());
  machine_.heard(us, Forget{{"a"}}, now_);
  EXPECT_EQ(ask("a").status, Status::running);
  exit("a");
  machine_.heard(us, Forget{{"a"}}, now_);
  EXPECT_EQ(records<GoneRecord>(tick()).size(), 1u);
  EXPECT_EQ(ask("a").status, Status::unknown);

  send("a");
  const auto out = tick();

  EXPECT_TRUE(out.spawns.empty());
  ASSERT_EQ(out.news.size(), 1u);
  EXPECT_EQ(out.news[0].status, Status::barred);
}

// As after a failover that lost the commit which the release followed: whoever asks has to find the proof, or the run bars for ever.
TEST_F(KeeperMachine, a_released_job_that_is_barred_has_its_proof_until_it_is_released_again) {
  send({spec("a"), spec("b")});
  run(tick());
  exit("a");
  exit("b");
  machine_.heard(us, Forget{{"a", "b"}}, now_);
  machine_.heard(us, Bar{{"a"}}, now_);
  send("b");
  EXPECT_TRUE(tick().spawns.empty());
  EXPECT_EQ(ask("a").status, Status::barred);
  EXPECT_EQ(ask("b").status, Status::barred);

  Machine next;
  for (const auto& record : machine_.snapshot("boot", now_)) next.replay(record);
  next.heard(us, Query{1, {"a", "b"}}, now_);
  const auto out = next.take();
  ASSERT_EQ(out.answers.size(), 1u);
  for (const auto& report : out.answers[0].second.reports) EXPECT_EQ(report.status, Status::barred);

  machine_.heard(us, Forget{{"a", "b"}}, now_);
  EXPECT_EQ(ask("a").status, Status::unknown);
  send({spec("a"), spec("b")});
  EXPECT_TRUE(tick().spawns.empty());
}

TEST_F(KeeperMachine, without_room_in_the_journal_nothing_begins_and_all_else_goes_on) {
  send("a");
  EXPECT_TRUE(tick(0, 10).spawns.empty());
  EXPECT_GT(machine_.wanted_room(), 10u);
  EXPECT_TRUE(machine_.next_deadline().has_value());
  machine_.heard(us, Bar{{"b"}}, now_);
  EXPECT_EQ(records<BarredRecord>(tick(0, 10)).size(), 1u);

  EXPECT_EQ(run(tick(0, machine_.wanted_room())), std::vector<std::string>{"a"});
}

TEST_F(KeeperMachine, a_claim_that_could_not_be_written_is_made_again) {
  send("a");
  auto out = tick();
  machine_.claim_failed(std::move(out.spawns.at(0)), now_);
  EXPECT_EQ(machine_.next_deadline(), now_.steady_us + 1'000'000);  // nothing else would wake the keeper

  out = tick();

  ASSERT_EQ(out.spawns.size(), 1u);
  EXPECT_EQ(out.spawns[0].job, spec("a"));
}

TEST_F(KeeperMachine, a_spawn_that_failed_is_an_end_with_its_errno) {
  send("a");
  const auto out = tick();
  machine_.spawn_failed(out.spawns.at(0).serial, ENOENT, now_);

  EXPECT_EQ(ask("a").reason, Reason::spawn);
  EXPECT_EQ(ask("a").code, ENOENT);
  EXPECT_EQ(machine_.running(), 0u);
}

// ---- the past ---------------------------------------------------------------------------------------------------------------
TEST_F(KeeperMachine, a_snapshot_replayed_says_the_same) {
  hello(3, {});
  send({spec("ended"), spec("running"), spec("released")});
  run(tick());
  exit("ended", 3);
  exit("released");
  machine_.heard(us, Forget{{"released"}}, now_);
  machine_.heard(us, Bar{{"barred"}}, now_);
  static_cast<void>(machine_.take());

  Machine next;
  for (const auto& record : machine_.snapshot("boot", now_)) next.replay(record);

  const auto claims = next.open_claims("boot");
  ASSERT_EQ(claims.size(), 1u);
  EXPECT_EQ(claims[0].id, "running");
  EXPECT_EQ(claims[0].pid, pids_["running"]);
  EXPECT_TRUE(claims[0].this_boot);
  EXPECT_FALSE(next.open_claims("other").at(0).this_boot);
  next.buried(claims[0].serial);
  next.heard(us, Query{1, {"ended", "running", "released", "barred", "never"}}, now_);
  const auto out = next.take();
  ASSERT_EQ(out.answers.size(), 1u);
  std::vector<Status> statuses;
  for (const auto& report : out.answers[0].second.reports) statuses.push_back(report.status);
  EXPECT_EQ(statuses, (std::vector{Status::ended, Status::dead, Status::unknown, Status::barred, Status::unknown}));
  EXPECT_EQ(out.answers[0].second.reports[0].ticket, "t-ended");
  EXPECT_EQ(out.answers[0].second.reports[0].code, 3);
}

TEST_F(KeeperMachine, a_snapshot_forgets_what_is_too_old_to_be_sent_again) {
  send("a");
  run(tick());
  exit("a");
  machine_.heard(us, Forget{{"a"}}, now_);
  EXPECT_EQ(machine_.snapshot("boot", now_).size(), 2u);  // boot, gone

  now_.wall_us += Machine::released_kept_us + 1;

  EXPECT_EQ(machine_.snapshot("boot", now_).size(), 1u);
}

TEST_F(KeeperMachine, a_snapshot_forgets_an_end_that_nobody_released_in_90_days) {
  send("a");
  run(tick());
  exit("a");
  now_.wall_us += Machine::unreleased_kept_us;
  EXPECT_EQ(machine_.snapshot("boot", now_).size(), 4u);  // boot, begin, pid, end

  now_.wall_us += 1;

  EXPECT_EQ(machine_.snapshot("boot", now_).size(), 1u);
}

TEST_F(KeeperMachine, serials_go_on_behind_those_of_the_past) {
  machine_.replay(BootRecord{"boot"});
  machine_.replay(BeginRecord{41, 1, "old", ""});
  send("a");

  EXPECT_GT(tick().spawns.at(0).serial, 41u);
}

}  // namespace
}  // namespace baton::local
