// A table: its first row is its head, as in Slack; it scrolls sideways by itself where it does not fit.
import { Shown } from './Blocks.jsx'

export function Table({ block }) {
  const [head, ...rows] = block.rows
  const settings = block.column_settings ?? []
  const row = (cells, kind) => cells.map((cell, column) => <Cell key={column} kind={kind} cell={cell} {...settings[column]} />)
  return (
    <div className="table" role="region" aria-label="Table" tabIndex={0}>
      <table>
        <thead>
          <tr>{row(head, 'th')}</tr>
        </thead>
        <tbody>
          {rows.map((cells, number) => (
            <tr key={number}>{row(cells, 'td')}</tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Cell({ kind: Kind, cell, align, is_wrapped: wrapped }) {
  const scope = Kind === 'th' ? 'col' : undefined
  return (
    <Kind scope={scope} data-align={align} data-wrapped={Boolean(wrapped)}>
      {cell.type === 'rich_text' ? <Shown block={cell} /> : cell.text}
    </Kind>
  )
}
