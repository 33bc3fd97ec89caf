#include "app/commands.h"

namespace drover::app {

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands = {
      demo_command(),           serve_command(),
      wall_command(),           run_command(),
      session_ls_command(),     session_show_command(),
      session_events_command(), session_follow_command(),
      session_export_command(), session_import_command(),
      session_cancel_command(), session_purge_command(),
      session_verify_command(), session_approve_command(),
      session_deny_command(),   session_signal_command(),
      session_extend_command(), session_budget_command(),
      session_tree_command(),   approvals_command(),
      kill_command(),           agent_deploy_command(),
      agent_ls_command(),       agent_show_command(),
      agent_pin_command(),      agent_drain_command(),
      agent_move_command(),     cost_command(),
      cost_calls_command(),     cost_import_command(),
      cost_reconcile_command(), budget_ls_command(),
      budget_report_command(),  trace_command(),
      memory_get_command(),     memory_put_command(),
      memory_ls_command(),      memory_search_command(),
      memory_rm_command(),      key_create_command(),
      key_ls_command(),         key_revoke_command(),
      tenant_create_command(),  tenant_ls_command(),
      attest_verify_command(),  backup_command(),
      restore_command(),        config_check_command(),
      place_command(),          catalog_show_command(),
      catalog_check_command(),  catalog_diff_command(),
      contract_check_command(), sim_command(),
      sim_enclave_command(),    sim_mcp_replay_command(),
      sim_mcp_tools_command(),  tool_ls_command(),
      tool_call_command(),      audit_ls_command(),
      attest_ls_command(),      completion_command(),
  };
  return commands;
}

}  // namespace drover::app
