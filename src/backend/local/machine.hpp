/// What the keeper decides, without I/O: it is told what happened and answers with what to do next. keeper.cpp drives it.
///
/// It alone decides whether a job is begun or barred. A begin is written before it is done; so whoever sends a job how often, it is begun
/// at most once. Jobs that wait live in memory only, and go with the connection that sent them last: nothing begins for a Baton that is gone.
/// Slots and capacity are those of the newest hello, whoever said it: who shares a state directory is configured alike.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend/local/journal.hpp"
#include "backend/local/messages.hpp"

namespace baton::local {

struct Moment {
  std::int64_t steady_us = 0;  ///< CLOCK_BOOTTIME: all limits
  std::int64_t wall_us = 0;    ///< UTC: for people
};

class Machine {
 public:
  using Serial = std::uint64_t;
  using Connection = std::uint64_t;

  /// What to do, in this order: write the records (nothing else may be done before), send the signals, spawn, look, answer.
  struct Signal {
    std::int32_t pid;  ///< leader; the signal is for its group
    bool hard;         ///< KILL, else TERM
  };
  struct Spawn {
    Serial serial;
    Connection connection;  ///< whose environment it gets
    Spec job;
  };
  struct Look {
    Serial serial;
    std::string log;  ///< whose size is asked for: `log_size`
  };
  struct Out {
    std::vector<Record> records;
    std::vector<Signal> signals;
    std::vector<Spawn> spawns;
    std::vector<Look> looks;
    std::vector<Report> news;  ///< for all connections
    std::vector<std::pair<Connection, Answer>> answers;
    [[nodiscard]] bool empty() const {
      return records.empty() && signals.empty() && spawns.empty() && looks.empty() && news.empty() && answers.empty();
    }
  };
  /// What has gathered since the last call; its answers say how it stands now.
  [[nodiscard]] Out take();

  // ---- the past -----------------------------------------------------------------------------------------------------------
  /// A record of the journal, in order, before all else.
  void replay(const Record& record);
  /// A claim without an end, of a keeper that is gone.
  struct Claim {
    Serial serial;
    std::string id;
    std::int32_t pid;  ///< 0: died between claim and spawn, or the record of the spawn is missing
    std::int64_t start_ticks;
    bool this_boot;
  };
  /// After the replay. The driver makes sure that nothing of these runs any more, then says `buried`.
  [[nodiscard]] std::vector<Claim> open_claims(const std::string& boot) const;
  void buried(Serial serial);
  /// Everything that the journal has to hold, to be written in place of it. Left out is what is too old to be sent again: a released job
  /// after 7 days (R15); one that nobody ever asked for again, as its state was removed, after 90.
  static constexpr std::int64_t released_kept_us = 7ll * 24 * 3600 * 1'000'000;
  static constexpr std::int64_t unreleased_kept_us = 90ll * 24 * 3600 * 1'000'000;
  [[nodiscard]] std::vector<Record> snapshot(const std::string& boot, Moment now);

  // ---- what connections say ---------------------------------------------------------------------------------------------------
  void heard(Connection from, Request request, Moment now);
  void disconnected(Connection connection);

  // ---- what becomes of processes ------------------------------------------------------------------------------------------------
  void spawned(Serial serial, std::int32_t pid, std::int64_t start_ticks, std::uint64_t inode, std::uint64_t oom_kills,
               Moment now);
  void spawn_failed(Serial serial, int error, Moment now);
  /// The begin could not be written: it has not happened, and is tried again in a second.
  void claim_failed(Spawn spawn, Moment now);
  [[nodiscard]] bool is_leader(std::int32_t pid) const { return pids_.contains(pid); }
  /// Of a leader.
  [[nodiscard]] const std::string& job_of(std::int32_t pid) const { return jobs_.at(pids_.at(pid)).spec.id; }
  /// @param code  exit code, or 128 + signal   @param signal  0: it exited   @param oom_kills  the kernel's counter; asked for after
  ///              a KILL only
  void exited(std::int32_t pid, std::int32_t code, std::int32_t signal, std::uint64_t oom_kills, Moment now);
  void log_size(Serial serial, std::uint64_t bytes, Moment now);

  // ---- time -----------------------------------------------------------------------------------------------------------------------
  /// Enforces limits, begins what may begin. @param room  bytes that begins may take in the journal
  void tick(Moment now, std::size_t room);
  /// When the next tick is due by itself (steady clock).
  [[nodiscard]] std::optional<std::int64_t> next_deadline() const;
  /// A begin that waits for this much room in the journal; 0: none.
  [[nodiscard]] std::size_t wanted_room() const { return wanted_room_; }
  [[nodiscard]] std::size_t running() const { return pids_.size() + spawning_; }

 private:
  struct Job {
    Spec spec;  ///< whole while it waits; afterwards what its limits and its end need
    Status status = Status::queued;
    Connection connection = 0;
    std::list<Serial>::iterator place;  ///< while queued or lacking
    std::int32_t overtaken = 0;
    std::int32_t pid = 0;
    std::int64_t start_ticks = 0;
    std::uint64_t inode = 0;
    std::uint64_t oom_kills = 0;
    Reason reason = Reason::none;
    std::int32_t code = 0, signal = 0;
    std::int64_t claimed_us = 0, started_us = 0, ended_us = 0;  ///< wall
    std::int64_t started_steady = 0;
    bool term_sent = false, kill_sent = false;
    std::uint64_t log_bytes = 0;
    std::int64_t log_moved = 0;  ///< steady
    std::int64_t due = 0;        ///< steady; 0: nothing
  };

  Job* find(const std::string& id);
  Job& add(const std::string& id, Status status);
  void begin(Connection from, Spec spec, Moment now);
  void bar(const std::string& id, Moment now);
  void stop(const std::string& id, bool hard, Moment now);
  void forget(const std::string& id, Moment now);
  Report report(Serial serial, const Job& job, bool with_ticket) const;
  Report report(const std::string& id);
  void tell(Serial serial, const Job& job) { out_.news.push_back(report(serial, job, false)); }
  void bar_unknown(const std::string& id, Moment now);
  void bar_queued(Serial serial, Job& job, Moment now);
  void end_softly(Serial serial, Job& job, Reason reason, Moment now);
  void set_due(Serial serial, Job& job, Moment now);
  void ended(Serial serial, Job& job, Moment now);
  void erase(Serial serial);

  void sort_out_lacking();
  void begin_what_may(Moment now, std::size_t room);
  [[nodiscard]] bool can_ever(const Spec& spec) const;
  [[nodiscard]] bool fits(const Spec& spec) const;
  void occupy(const Spec& spec, double sign);

  std::map<Serial, Job> jobs_;
  std::unordered_map<std::string, Serial> serials_;
  std::unordered_map<std::int32_t, Serial> pids_;
  std::map<IdHash, std::int64_t> gone_;  ///< released: never begun again; when (wall)
  std::list<Serial> queue_;              ///< in the order of arrival
  std::list<Serial> lacking_;            ///< those that this host can never run as it is set up
  std::set<std::pair<std::int64_t, Serial>> due_;
  Serial next_ = 1;
  std::uint32_t slots_ = 1;
  std::map<std::string, double> capacity_, used_;
  std::size_t spawning_ = 0;
  std::size_t wanted_room_ = 0;
  std::int64_t room_retry_ = 0;          ///< steady; 0: none
  std::string boot_;                     ///< of the records being replayed
  std::map<Serial, std::string> boots_;  ///< while replaying: of claims
  Out out_;
  std::vector<std::pair<Connection, Query>> questions_;  ///< to be answered by the next take()
};

}  // namespace baton::local
