// Ibex with instruction and data ports for a memory outside, counts of what it does, and signals
// whose toggles are counted outside.

module ibex_system
  import ibex_pkg::*;
#(
    parameter bit BranchTargetALU = 1'b0,
    parameter bit WritebackStage  = 1'b0
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic [31:0] boot_addr_i,
    output logic        instr_req_o,
    input  logic        instr_rvalid_i,
    output logic [31:0] instr_addr_o,
    input  logic [31:0] instr_rdata_i,
    output logic        data_req_o,
    input  logic        data_rvalid_i,
    output logic        data_we_o,
    output logic [ 3:0] data_be_o,
    output logic [31:0] data_addr_o,
    output logic [31:0] data_wdata_o,
    input  logic [31:0] data_rdata_i,
    output logic [63:0] instructions_o,
    output logic [63:0] branches_o,
    output logic [63:0] branches_taken_o,
    output logic [63:0] jumps_o,
    output logic [63:0] multiply_waits_o,
    output logic [63:0] divide_waits_o,
    output logic [63:0] registers_o,
    output logic [63:0] operands_o,
    output logic [63:0] results_o,
    output logic [31:0] instruction_o
);
  ibex_top #(
      .RV32M          (RV32MFast),
      .RV32B          (RV32BNone),
      .BranchTargetALU(BranchTargetALU),
      .WritebackStage (WritebackStage),
      .RegFile        (RegFileFF)
  ) core (
      .clk_i,
      .rst_ni,
      .test_en_i             (1'b0),
      .ram_cfg_i             ('0),
      .hart_id_i             ('0),
      .boot_addr_i,
      .instr_req_o,
      .instr_gnt_i           (1'b1),
      .instr_rvalid_i,
      .instr_addr_o,
      .instr_rdata_i,
      .instr_rdata_intg_i    ('0),
      .instr_err_i           (1'b0),
      .data_req_o,
      .data_gnt_i            (1'b1),
      .data_rvalid_i,
      .data_we_o,
      .data_be_o,
      .data_addr_o,
      .data_wdata_o,
      .data_wdata_intg_o     (),
      .data_rdata_i,
      .data_rdata_intg_i     ('0),
      .data_err_i            (1'b0),
      .irq_software_i        (1'b0),
      .irq_timer_i           (1'b0),
      .irq_external_i        (1'b0),
      .irq_fast_i            ('0),
      .irq_nm_i              (1'b0),
      .scramble_key_valid_i  (1'b0),
      .scramble_key_i        ('0),
      .scramble_nonce_i      ('0),
      .scramble_req_o        (),
      .debug_req_i           (1'b0),
      .crash_dump_o          (),
      .double_fault_seen_o   (),
      .fetch_enable_i        (IbexMuBiOn),
      .alert_minor_o         (),
      .alert_major_internal_o(),
      .alert_major_bus_o     (),
      .core_sleep_o          (),
      .scan_rst_ni           (1'b1)
  );

  assign registers_o   = {core.u_ibex_core.multdiv_operand_a_ex, core.u_ibex_core.multdiv_operand_b_ex};
  assign operands_o    = {core.u_ibex_core.alu_operand_a_ex, core.u_ibex_core.alu_operand_b_ex};
  assign results_o     = {core.u_ibex_core.result_ex, core.u_ibex_core.alu_adder_result_ex};
  assign instruction_o = core.u_ibex_core.instr_rdata_id;

  always_ff @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) begin
      instructions_o   <= '0;
      branches_o       <= '0;
      branches_taken_o <= '0;
      jumps_o          <= '0;
      multiply_waits_o <= '0;
      divide_waits_o   <= '0;
    end else begin
      instructions_o   <= instructions_o + 64'(core.u_ibex_core.perf_instr_ret_wb);
      branches_o       <= branches_o + 64'(core.u_ibex_core.perf_branch);
      branches_taken_o <= branches_taken_o + 64'(core.u_ibex_core.perf_tbranch);
      jumps_o          <= jumps_o + 64'(core.u_ibex_core.perf_jump);
      multiply_waits_o <= multiply_waits_o + 64'(core.u_ibex_core.perf_mul_wait);
      divide_waits_o   <= divide_waits_o + 64'(core.u_ibex_core.perf_div_wait);
    end
endmodule
