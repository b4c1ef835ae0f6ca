// The keeper's past: what its journal says, and what the journal has to say.
#include <algorithm>

#include "backend/local/machine.hpp"

namespace baton::local {

void Machine::replay(const Record& record) {
  const auto known = [this](Serial serial) {
    const auto found = jobs_.find(serial);
    return found == jobs_.end() ? nullptr : &found->second;
  };
  const auto claim = [this](Serial serial, const std::string& id, Status status, std::int64_t at_us) -> Job& {
    if (const auto before = serials_.find(id); before != serials_.end()) jobs_.erase(before->second);
    auto& job = jobs_[serial];
    job.spec.id = id;
    job.status = status;
    job.claimed_us = at_us;
    serials_[id] = serial;
    next_ = std::max(next_, serial + 1);
    return job;
  };
  if (const auto* boot = std::get_if<BootRecord>(&record)) {
    boot_ = boot->boot;
  } else if (const auto* begin = std::get_if<BeginRecord>(&record)) {
    claim(begin->serial, begin->id, Status::running, begin->at_us).spec.ticket = begin->ticket;
    boots_[begin->serial] = boot_;
  } else if (const auto* pid = std::get_if<PidRecord>(&record)) {
    if (auto* job = known(pid->serial)) {
      job->pid = pid->pid;
      job->start_ticks = pid->start_ticks;
      job->inode = pid->inode;
    }
  } else if (const auto* end = std::get_if<EndRecord>(&record)) {
    if (auto* job = known(end->serial)) {
      job->status = Status::ended;
      job->reason = end->reason;
      job->code = end->code;
      job->signal = end->signal;
      job->started_us = end->started_us;
      job->ended_us = end->ended_us;
    }
  } else if (const auto* dead = std::get_if<DeadRecord>(&record)) {
    if (auto* job = known(dead->serial)) job->status = Status::dead;
  } else if (const auto* barred = std::get_if<BarredRecord>(&record)) {
    claim(barred->serial, barred->id, Status::barred, barred->at_us);
    gone_.erase(hash_of(barred->id));
  } else if (const auto* gone = std::get_if<GoneRecord>(&record)) {
    gone_[gone->hash] = gone->at_us;
  }
}

std::vector<Machine::Claim> Machine::open_claims(const std::string& boot) const {
  std::vector<Claim> open;
  for (const auto& [serial, job] : jobs_)
    if (job.status == Status::running) {
      const auto written = boots_.find(serial);
      open.push_back({serial, job.spec.id, job.pid, job.start_ticks, written != boots_.end() && written->second == boot});
    }
  return open;
}

void Machine::buried(Serial serial) {
  jobs_.at(serial).status = Status::dead;
  out_.records.emplace_back(DeadRecord{serial});
}

std::vector<Record> Machine::snapshot(const std::string& boot, Moment now) {
  const auto oldest = now.wall_us - unreleased_kept_us;
  std::erase_if(gone_, [&](const auto& entry) { return entry.second < now.wall_us - released_kept_us; });
  std::vector<Serial> forgotten;
  for (const auto& [serial, job] : jobs_) {
    if (gone_.contains(hash_of(job.spec.id))) {
      forgotten.push_back(serial);  // its release stands behind its begin in the journal that was read
    } else if (job.claimed_us < oldest && (job.status == Status::barred || job.status == Status::dead ||
                                           (job.status == Status::ended && job.ended_us < oldest))) {
      forgotten.push_back(serial);
    }
  }
  for (const auto serial : forgotten) erase(serial);

  std::vector<Record> records{BootRecord{boot}};
  for (const auto& [hash, at_us] : gone_) records.emplace_back(GoneRecord{hash, at_us});
  for (const auto& [serial, job] : jobs_) {
    if (job.status == Status::queued || job.status == Status::lacking) continue;
    if (job.status == Status::barred) {
      records.emplace_back(BarredRecord{serial, job.claimed_us, job.spec.id});
      continue;
    }
    records.emplace_back(BeginRecord{serial, job.claimed_us, job.spec.id, job.spec.ticket});
    if (job.pid != 0) records.emplace_back(PidRecord{serial, job.pid, job.start_ticks, job.inode});
    if (job.status == Status::ended)
      records.emplace_back(EndRecord{serial, job.reason, job.code, job.signal, job.started_us, job.ended_us});
    if (job.status == Status::dead) records.emplace_back(DeadRecord{serial});
  }
  return records;
}

}  // namespace baton::local
