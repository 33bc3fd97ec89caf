#pragma once
// A session's scratch data (the memory of this session alone: memory/scratch.h) keeps to the fault
// domain of the endpoint that its last model call was served by. The model call's effect copies it
// before the result is written; the commit of the result, whose placement.decided says where the
// data lies, makes the copy the data; what was left behind goes after it, in the actor.
//
// Shell functions; nothing here touches the session's state or its journal.

#include <optional>
#include <string>

#include "session/effects.h"

namespace drover::session {

/// The namespace with its placeholders filled in: two users never meet in "user:{user}".
Result<std::string> memory_namespace(const std::string& pattern, const Json& labels,
                                     const std::string& agent, const SessionId& session);

/// The store as it is called: what the journal says, or this server's own.
std::string scratch_store_name(const std::string& journalled);

/// Whether there is scratch data that may move, of an agent with that memory.
bool has_scratch(const Services& services, const std::string& memory_namespace);

/// Before the model call of a session that has_scratch(): where it lies and how much there is;
/// nullopt: its namespace has no name. Settles what an attempt before left unfinished.
Task<std::optional<road::ScratchAt>> scratch_before(Context ctx, Services services,
                                                    const ModelTask* task);

/// After it: moves the data to `place`, if it is not there. What placement.decided says of it.
Task<Json> scratch_after(Context ctx, Services services, const ModelTask* task,
                         road::ScratchAt before, road::ScratchPlace place);

/// Removes what a move left behind, once the journal says where the data is. To be called while no
/// model call of the session is under way. A failure is logged; the next call tries again.
Task<void> settle_scratch(Context ctx, Services services, SessionId session, std::string store);

/// The same after a start, for all sessions that the notes name.
Task<void> settle_all_scratch(Context ctx, Services services);

}  // namespace drover::session
