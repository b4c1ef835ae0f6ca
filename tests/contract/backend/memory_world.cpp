#include <boost/asio/io_context.hpp>

#include "backend/memory/memory_backend.hpp"
#include "backend_world.hpp"

namespace baton::test {
namespace {

class MemoryWorld final : public BackendWorld {
 public:
  explicit MemoryWorld(std::uint32_t slots)
      : cluster_(runtime_, {.slots = slots}, [this](const core::Job& job) { return fates_.at(job.id); }) {}
  Runtime& runtime() override { return runtime_; }
  std::unique_ptr<Backend> connect() override { return std::make_unique<MemoryBackend>(cluster_, runtime_); }
  core::Job job(const Wish& wish) override {
    auto job = job_of(wish);
    fates_[job.id] =
        Fate{.queued = std::chrono::milliseconds(wish.impossible ? 500 : 0),
             .lacking = wish.impossible,
             .runs = wish.lasts ? core::Duration(std::chrono::hours(1)) : core::Duration(std::chrono::milliseconds(1)),
             .quiet_from = wish.lasts ? std::optional(core::Duration::zero()) : std::nullopt,
             .end = wish.exit_code == 0 ? core::EndKind::ok : core::EndKind::exit,
             .exit_code = wish.exit_code,
             .ignores_term = wish.ignores_term};
    return job;
  }
  int beginnings(const core::Job& job) override { return cluster_.beginnings(job.id); }
  void run(awaitable<void> body) override { runtime_.run(std::move(body)); }
  void stop() override { runtime_.run(cluster_.stop()); }

 private:
  AsioRuntime runtime_;
  std::map<JobId, Fate> fates_;
  MemoryCluster cluster_;
};

}  // namespace

std::unique_ptr<BackendWorld> memory_world(std::uint32_t slots) { return std::make_unique<MemoryWorld>(slots); }

}  // namespace baton::test
