/// Ids are types, so that the compiler refuses mix-ups (R14).
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace baton {

template <class Tag, class Rep>
class Id {
 public:
  using rep = Rep;
  Id() = default;
  explicit Id(Rep value) : value_(std::move(value)) {}
  [[nodiscard]] const Rep& value() const { return value_; }
  auto operator<=>(const Id&) const = default;

 private:
  Rep value_{};
};

using UserId = Id<struct UserTag, std::int64_t>;
using ProjectId = Id<struct ProjectTag, std::string>;     ///< a UUID; embedded: the pipeline file's name
using RunId = Id<struct RunTag, std::int64_t>;            ///< comp_runs.run_id
using RunUuid = Id<struct RunUuidTag, std::string>;       ///< random, made with the run, never reused (R1)
using Iteration = Id<struct IterationTag, std::int64_t>;  ///< 1, 2, … per (user, project)
using NodeId = Id<struct NodeTag, std::string>;           ///< unique within the project: `align`, `align[a]`, a UUID
using JobId = Id<struct JobTag, std::string>;             ///< see job_id() in core/key.hpp
using ReplicaId = Id<struct ReplicaTag, std::string>;

/// Raised by one at each pass of a run; the store refuses writes that carry an older one (R3).
class Fence : public Id<struct FenceTag, std::int64_t> {
 public:
  using Id::Id;
  static Fence none() { return Fence(-1); }  ///< older than all: "I know nothing of this run"
};

/// A node's position in its project, and its task's in the run: dense, from 0, in document order.
using Index = std::uint32_t;

}  // namespace baton

template <class Tag, class Rep>
struct std::hash<baton::Id<Tag, Rep>> {
  std::size_t operator()(const baton::Id<Tag, Rep>& id) const noexcept { return std::hash<Rep>()(id.value()); }
};
